package program

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v3"
)

// A configFile is what a file of settings says.
//
// The file is YAML, a mapping from names of flags to their values. A value is what one would
// write behind the flag: nothing is made of it before the flag reads it, so that 08:15 is
// no number and no is not false. A flag that may be given several times takes a list.
type configFile struct {
	path   string
	values map[string]fileValue
}

// A fileValue is the value of a key, and the line in which the key stands.
type fileValue struct {
	items []string
	list  bool
	line  int
}

// readConfig reads a file of settings. The names are those that a key may have. Everything
// that is wrong is in the error, each with its line.
func readConfig(path string, names []string) (configFile, error) {
	f := configFile{path, map[string]fileValue{}}
	content, err := os.ReadFile(path)
	if err != nil {
		return f, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		// It may repeat what stands in the line, which may be secret.
		line, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "yaml: "), ": ")
		return f, fmt.Errorf("%s: %s: it is no YAML", path, line)
	}
	if document.Kind == 0 {
		return f, nil // nothing but comments
	}
	settings := document.Content[0]
	if settings.Kind != yaml.MappingNode {
		return f, fmt.Errorf("%s:%d: write NAME: VALUE, with names as flags have them", path, settings.Line)
	}
	var wrong []error
	for i := 0; i < len(settings.Content); i += 2 {
		key, value := settings.Content[i], settings.Content[i+1]
		err := func() error {
			if !slices.Contains(names, key.Value) {
				return fmt.Errorf("there is no setting %q%s", key.Value, meant(key.Value, names))
			}
			if first, twice := f.values[key.Value]; twice {
				return fmt.Errorf("%s is set in line %d already", key.Value, first.line)
			}
			read, err := valueOf(value)
			read.line = key.Line
			f.values[key.Value] = read
			if err != nil {
				return fmt.Errorf("%s %w", key.Value, err)
			}
			return nil
		}()
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s:%d: %w", path, key.Line, err))
		}
	}
	return f, errors.Join(wrong...)
}

// valueOf returns the value that stands in a file.
func valueOf(node *yaml.Node) (fileValue, error) {
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		return fileValue{}, errors.New("has no value")
	case node.Kind == yaml.ScalarNode:
		return fileValue{items: []string{node.Value}}, nil
	case node.Kind == yaml.SequenceNode:
		v := fileValue{list: true}
		for _, item := range node.Content {
			if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
				return v, errors.New("is a list of something else than texts")
			}
			v.items = append(v.items, item.Value)
		}
		return v, nil
	}
	return fileValue{}, errors.New("is neither a text nor a list of texts")
}

// text returns the value as it is written behind a flag.
func (v fileValue) text(flag *kong.Flag) (string, error) {
	if !v.list {
		return v.items[0], nil
	}
	if !flag.IsSlice() {
		return "", errors.New("it is one value, and no list")
	}
	return kong.JoinEscaped(v.items, flag.Tag.Sep), nil
}

// meant returns a question whether the name that is most like another was meant, if there is
// one within a slip or two of the finger.
func meant(name string, names []string) string {
	plain := func(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }
	best, distance := "", 3
	for _, candidate := range names {
		if d := levenshtein.ComputeDistance(plain(name), plain(candidate)); d < distance && d < len(candidate) {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; is it %s?", best)
}
