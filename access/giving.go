package access

import "fmt"

// Exceeds says why a principal would be good for what another is not, by the rules that name
// either: a rule that denies the giver something must deny it to whom something is given, and
// one that allows something to the name that is given must allow it to the giver. It is empty
// if neither is so. Roles that no rule tells apart by who has them are not its concern: whoever
// gives some must see to it that they have them.
func (p *Policy) Exceeds(given, giver Principal) string {
	for i, rule := range p.Deny {
		if rule.isAbout(giver) && !rule.isAbout(given) {
			return fmt.Sprintf("what deny[%d] keeps from %s it would not keep from %s", i, giver, given)
		}
	}
	for i, rule := range p.Allow {
		if rule.isAbout(given) && !rule.isAbout(giver) {
			return fmt.Sprintf("what allow[%d] gives to %s it does not give to %s", i, given, giver)
		}
	}
	return ""
}
