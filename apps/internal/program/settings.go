package program

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"
)

// common are the flags that every program has.
type common struct {
	Config      string           `placeholder:"FILE" help:"File of settings: YAML, with names as flags have them."`
	CheckConfig bool             `help:"Say what every setting is and where it comes from, and what is wrong, and start nothing."`
	Version     kong.VersionFlag `help:"Print the version of the program, and exit."`
}

// settings find the values of flags that are not on the command line: in the environment,
// where the flag --log-level of the program orders is ORDERS_LOG_LEVEL, or else in the file
// that --config names. They are a [kong.Resolver].
type settings struct {
	program string
	args    []string // as they were given
	environ []string
	secrets *Secrets

	names  []string // of all flags of the program, whatever the verb
	file   configFile
	origin map[string]string // of the flags that were found here
}

// setBy is where a setting comes from that nobody has set.
const setBy = "default"

// prepare learns the flags of the program, and reads the file.
func (s *settings) prepare(ctx *kong.Context) error {
	s.origin = map[string]string{}
	for _, p := range ctx.Path {
		if p.Flag != nil {
			s.origin[p.Flag.Name] = "--" + p.Flag.Name
		}
	}
	s.names = nil
	_ = kong.Visit(ctx.Model.Node, func(v kong.Visitable, next kong.Next) error {
		if flag, is := v.(*kong.Flag); is && !slices.Contains(unsettable, flag.Name) && !slices.Contains(s.names, flag.Name) {
			s.names = append(s.names, flag.Name)
		}
		return next(nil)
	})
	for _, set := range s.environ {
		if name, value, _ := strings.Cut(set, "="); strings.HasPrefix(name, s.variable("")) {
			s.secrets.learn(value)
		}
	}
	path := s.lookup(s.variable("config"))
	for _, flag := range ctx.Model.Flags {
		if given := ctx.FlagValue(flag); flag.Name == "config" && s.origin["config"] != "" {
			path, _ = given.(string)
		}
	}
	if path == "" {
		return nil
	}
	var err error
	s.file, err = readConfig(path, s.names)
	for _, value := range s.file.values {
		for _, item := range value.items {
			s.secrets.learn(item)
		}
	}
	return err
}

// unsettable are the flags that are on the command line or nowhere.
var unsettable = []string{"help", "version", "config", "check-config"}

// variable returns the name of a flag in the environment.
func (s *settings) variable(flag string) string {
	return strings.ToUpper(s.program + "_" + strings.ReplaceAll(flag, "-", "_"))
}

// lookup returns the value of a variable. One that is empty counts as not set: that is all a
// compose file can say of it.
func (s *settings) lookup(variable string) string {
	for _, set := range slices.Backward(s.environ) {
		if value, is := strings.CutPrefix(set, variable+"="); is {
			return value
		}
	}
	return ""
}

// Validate implements [kong.Resolver].
func (s *settings) Validate(*kong.Application) error { return nil }

// Resolve implements [kong.Resolver].
func (s *settings) Resolve(ctx *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	if slices.Contains(unsettable, flag.Name) {
		return nil, nil
	}
	value, from, err := s.find(flag)
	if from == "" {
		return nil, nil
	}
	// Of two flags that exclude each other, the one that was set nearer to the user is meant.
	for _, other := range parent.Flags {
		if other == flag || !slices.ContainsFunc(other.Xor, func(xor string) bool { return slices.Contains(flag.Xor, xor) }) {
			continue
		}
		_, theirs, _ := s.find(other)
		if strings.HasPrefix(s.origin[other.Name], "--") || s.inFile(from) && theirs != "" && !s.inFile(theirs) {
			return nil, nil
		}
	}
	if err == nil {
		value, err = s.secrets.Expand(value)
	}
	if err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, from)
	}
	s.origin[flag.Name] = from
	return value, nil
}

// find returns what a flag is set to, and by whom; nobody if it is not set here. A flag with the
// tag here:"" is set on the command line alone: its name means something else for other verbs,
// which share the environment and the file.
func (s *settings) find(flag *kong.Flag) (value, from string, err error) {
	if flag.Tag.Has("here") {
		return "", "", nil
	}
	variable := s.variable(flag.Name)
	if value := s.lookup(variable); value != "" {
		return value, variable, nil
	}
	set, is := s.file.values[flag.Name]
	if !is {
		return "", "", nil
	}
	value, err = set.text(flag)
	return value, fmt.Sprintf("%s:%d", s.file.path, set.line), err
}

func (s *settings) inFile(from string) bool { return strings.HasPrefix(from, s.file.path+":") }

// blame adds to an error about a flag where the flag was set, unless it was where everybody
// sees it: on the command line.
func (s *settings) blame(err error) error {
	for _, name := range flagName.FindAllString(err.Error(), -1) {
		from := s.origin[strings.TrimPrefix(name, "--")]
		if from != "" && from != name && !strings.Contains(err.Error(), from) {
			return fmt.Errorf("%w (in %s)", err, from)
		}
	}
	return err
}

var flagName = regexp.MustCompile(`--[a-z]+(?:-[a-z]+)*`)

// strangers returns the variables of the environment that begin as those of the program do,
// and are none. A Service of Kubernetes with the name of the program has variables set too,
// which are not the program's.
func (s *settings) strangers() error {
	var wrong []error
	known := []string{s.variable("config")}
	for _, name := range s.names {
		known = append(known, s.variable(name))
	}
	prefix := strings.ToUpper(s.program) + "_"
	for _, set := range s.environ {
		name, _, _ := strings.Cut(set, "=")
		rest, ours := strings.CutPrefix(name, prefix)
		if !ours || slices.Contains(known, name) || rest == "PORT" || strings.HasPrefix(rest, "PORT_") || strings.HasPrefix(rest, "SERVICE_") {
			continue
		}
		wrong = append(wrong, fmt.Errorf("there is no setting for the variable %s%s", name, meant(name, known)))
	}
	return errors.Join(wrong...)
}

// learn makes the secrets in the values of all flags known, and returns the values as they may
// be shown, with where they come from. An error says that one is where everybody sees it.
func (s *settings) learn(ctx *kong.Context) (shown []setting, err error) {
	var seen []error
	for _, flag := range ctx.Flags() {
		if slices.Contains(unsettable, flag.Name) {
			continue
		}
		text := textOf(flag.Target)
		value, secret := s.secrets.learn(text)
		if flag.Tag.Has("secret") && text != "" {
			s.secrets.Add(text)
			value, secret = hidden, true
		}
		from := s.origin[flag.Name]
		if from == "" {
			from = setBy
		}
		if text == "" {
			value, from = "-", "-"
		}
		if secret && strings.HasPrefix(from, "--") && !strings.Contains(s.given(from), "${file:") {
			seen = append(seen, fmt.Errorf("%s: a secret on the command line can be seen by everybody who lists processes; write ${file:PATH} in its place, or set %s", from, s.variable(flag.Name)))
		}
		shown = append(shown, setting{flag.Name, value, from})
	}
	return shown, errors.Join(seen...)
}

// given returns how a flag was given on the command line.
func (s *settings) given(flag string) string {
	for i, arg := range s.args {
		if value, is := strings.CutPrefix(arg, flag+"="); is {
			return value
		}
		if arg == flag && i+1 < len(s.args) {
			return s.args[i+1]
		}
	}
	return ""
}

// A setting is a flag, its value as it may be shown, and where that comes from.
type setting struct{ name, value, from string }

// printSettings writes settings as a table.
func printSettings(w io.Writer, all []setting) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, s := range all {
		fmt.Fprintf(table, "%s\t%s\t%s\n", s.name, s.value, s.from)
	}
	return table.Flush()
}

// textOf returns the value of a flag as text, empty if it is the zero value.
func textOf(v reflect.Value) string {
	if v.IsZero() && v.Kind() != reflect.Bool {
		return ""
	}
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String {
		var items []string
		for i := range v.Len() {
			items = append(items, v.Index(i).String())
		}
		return strings.Join(items, ",")
	}
	return fmt.Sprint(v.Interface())
}
