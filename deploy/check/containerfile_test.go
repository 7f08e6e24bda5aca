package check

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// A stage is an image that the container file can make, with what it has from those before it.
type stage struct {
	name       string
	user       string
	dirs       []string          // that are made, in the order in which they are
	files      map[string]string // where they are, and where from
	env        map[string]string
	ports      []int
	entrypoint []string
	health     []string
}

// stages returns the stages of the container file, by their names, as its own parser reads it.
func stages(t *testing.T) map[string]stage {
	t.Helper()
	file, err := os.Open(filepath.Join(root, "deploy", "Containerfile"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range parsed.Warnings {
		t.Errorf("the container file: %s", warning.Short)
	}
	lint := linter.New(&linter.Config{Warn: func(rule, description, _, message string, at []parser.Range) {
		t.Errorf("the container file, line %d: %s: %s (%s)", at[0].Start.Line, rule, message, description)
	}})
	read, _, err := instructions.Parse(parsed.AST, lint)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]stage{}
	for _, of := range read {
		s := stage{files: map[string]string{}, env: map[string]string{}}
		if of.BaseName != "scratch" {
			base, has := all[of.BaseName]
			if !has {
				t.Fatalf("the stage %s begins with %s, and is to have nothing but the program in it", of.Name, of.BaseName)
			}
			s.user, s.dirs, s.ports = base.user, base.dirs, base.ports
		}
		s.name = of.Name
		for _, command := range of.Commands {
			switch c := command.(type) {
			case *instructions.UserCommand:
				s.user = c.User
			case *instructions.WorkdirCommand:
				s.dirs = append(s.dirs, c.Path)
			case *instructions.ExposeCommand:
				for _, port := range c.Ports {
					n, err := strconv.Atoi(port)
					if err != nil {
						t.Fatal(err)
					}
					s.ports = append(s.ports, n)
				}
			case *instructions.EnvCommand:
				for _, variable := range c.Env {
					s.env[variable.Key] = variable.Value
				}
			case *instructions.CopyCommand:
				for _, source := range c.SourcePaths {
					s.files[c.DestPath] = source
				}
			case *instructions.EntrypointCommand:
				if c.PrependShell {
					t.Errorf("the stage %s begins with a shell, and there is none", s.name)
				}
				s.entrypoint = c.CmdLine
			case *instructions.HealthCheckCommand:
				s.health = c.Health.Test
			case *instructions.LabelCommand, *instructions.ArgCommand, *instructions.StopSignalCommand:
			default:
				t.Errorf("%s is not looked at by this test", command.Name())
			}
		}
		all[s.name] = s
	}
	return all
}

func TestAnImageIsAProgramAndNobodyAndNothingElse(t *testing.T) {
	all := stages(t)
	for program, p := range programs {
		s, has := all[program]
		if !has {
			t.Errorf("there is no image of %s", program)
			continue
		}
		uid, _, _ := strings.Cut(s.user, ":")
		if n, err := strconv.Atoi(uid); err != nil || n == 0 {
			t.Errorf("%s runs as %q; want a number other than root's", program, s.user)
		}
		if len(s.files) != 1 || s.files["/"+program] != "dist/linux_${TARGETARCH}/"+program {
			t.Errorf("%s has in it: %v", program, s.files)
		}
		if len(s.entrypoint) != 1 || s.entrypoint[0] != "/"+program {
			t.Errorf("%s is started as %v", program, s.entrypoint)
		}
		if served := p.openAPI != ""; served != (len(s.health) > 0) {
			t.Errorf("%s is asked whether it is well by %v", program, s.health)
		}
		if s.dirs[len(s.dirs)-1] != "/data" {
			t.Errorf("%s runs in %v", program, s.dirs)
		}
	}
	ignored := read(t, filepath.Join(root, "deploy", "Containerfile.dockerignore"))
	if !strings.Contains(ignored, "\n*\n!dist/linux_*/\n") {
		t.Errorf("more than programs goes to those who build images:\n%s", ignored)
	}
}
