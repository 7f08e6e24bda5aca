// Package audit keeps an audit log: every act that was denied, every credential that was
// refused, and every act of administering before it is done, each entry chained by digest to
// the one before.
//
// A [Log] is a log of its own, in any store; several processes may write into one. It has no
// means to change or take back what is written. Somebody who can write the store's files can,
// and [Verify] tells: the chain breaks where an entry was changed, taken out or put in. Whoever
// writes everything anew from some entry on, with a chain that holds, is found by a [Mark] that
// was kept where they could not reach it: a mark names how many entries there were, and the
// digest that stands for all of them. A Log writes marks into the program's log when it opens,
// when it closes, and with each act of administering; a collector of logs elsewhere keeps them.
//
// What strangers try must not fill the disk. So of acts that were denied and credentials that
// were refused, the first of a kind is written at once, and those that follow within a minute
// are counted and written together; see [Options].
package audit
