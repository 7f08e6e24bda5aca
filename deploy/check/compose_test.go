package check

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
)

// loadCompose reads a compose file as docker compose does.
func loadCompose(t *testing.T, path string) *types.Project {
	t.Helper()
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  filepath.Dir(path),
		ConfigFiles: []types.ConfigFile{{Filename: path}},
		Environment: types.Mapping{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestComposeFilesAreWhatComposeAndTheProgramsTake(t *testing.T) {
	images := stages(t)
	for _, path := range found(t, "compose/*.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			project := loadCompose(t, path)
			ours := 0
			for name, service := range project.Services {
				checkAny(t, project, service)
				if service.Build == nil {
					continue
				}
				ours++
				t.Run(name, func(t *testing.T) { checkOurs(t, project, service, images[service.Build.Target]) })
			}
			if ours == 0 {
				t.Error("none of the services is a program of ours")
			}
		})
	}
}

// checkAny checks what every service has.
func checkAny(t *testing.T, project *types.Project, s types.ServiceConfig) {
	if s.HealthCheck == nil || s.HealthCheck.Disable || len(s.HealthCheck.Test) == 0 {
		t.Errorf("nobody asks whether %s is well", s.Name)
	}
	if s.MemLimit == 0 || s.PidsLimit == 0 || s.CPUS == 0 {
		t.Errorf("%s may take all of the machine", s.Name)
	}
	if s.Restart != types.RestartPolicyUnlessStopped || s.StopGracePeriod == nil {
		t.Errorf("%s is not started again, or may be killed at any time", s.Name)
	}
	for name, value := range s.Environment {
		if value != nil && !strings.HasSuffix(name, "_FILE") && strings.Contains(strings.ToLower(name), "password") {
			t.Errorf("%s has a secret in a variable: %s", s.Name, name)
		}
	}
	for _, secret := range s.Secrets {
		if project.Secrets[secret.Source].File == "" {
			t.Errorf("%s: the secret %s is no file", s.Name, secret.Source)
		}
	}
	for _, config := range s.Configs {
		if _, err := os.Stat(project.Configs[config.Source].File); err != nil {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	for other, on := range s.DependsOn {
		if on.Condition != types.ServiceConditionHealthy {
			t.Errorf("%s does not wait until %s is well", s.Name, other)
		}
	}
	for _, port := range s.Ports {
		if port.HostIP != "127.0.0.1" {
			t.Errorf("%s is open to everybody at %s: Docker's rules come before the firewall's", s.Name, port.Published)
		}
	}
}

// checkOurs checks a service that is one of our programs, and has the program check its
// settings.
func checkOurs(t *testing.T, project *types.Project, s types.ServiceConfig, image stage) {
	if image.name == "" {
		t.Fatalf("there is no stage %s in the container file", s.Build.Target)
	}
	if _, err := os.Stat(filepath.Join(s.Build.Context, s.Build.Dockerfile)); err != nil || filepath.Clean(s.Build.Context) != root {
		t.Errorf("it is built from %s in %s: %v", s.Build.Dockerfile, s.Build.Context, err)
	}
	if s.User != image.user || !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.Privileged {
		t.Error("it may become more than it is, or write to its image")
	}
	program := strings.TrimPrefix(image.entrypoint[0], "/")
	if want := []string{"CMD", image.entrypoint[0], "probe"}; !slices.Equal(s.HealthCheck.Test, want) {
		t.Errorf("it is asked by %v, and not by %v", s.HealthCheck.Test, want)
	}
	how := setup{program: program, args: s.Command, env: map[string]string{}, files: map[string]string{}}
	for name, value := range image.env {
		how.env[name] = value
	}
	for name, value := range s.Environment {
		if value == nil {
			t.Errorf("the variable %s is that of whoever starts it", name)
			continue
		}
		how.env[name] = *value
	}
	for _, secret := range s.Secrets {
		how.files["/run/secrets/"+secret.Source] = "a secret"
	}
	for _, volume := range s.Volumes {
		if _, has := project.Volumes[volume.Source]; !has {
			t.Errorf("there is no volume %s", volume.Source)
		}
		how.dirs = append(how.dirs, volume.Target)
	}
	for _, tmpfs := range s.Tmpfs {
		dir, _, _ := strings.Cut(tmpfs, ":")
		how.dirs = append(how.dirs, dir)
	}
	if !slices.Contains(how.dirs, "/tmp") {
		t.Error("it has no place for files that are gone when it ends")
	}
	first := how
	first.args = []string{"access", "issue", "--role", "admin", "me"}
	first.check(t, "the first key")
	got := how.check(t, s.Name)
	for _, port := range s.Ports {
		if int(port.Target) != got.port(t) {
			t.Errorf("port %d is published, and it listens at %s", port.Target, got["addr"])
		}
	}
	if !slices.Contains(image.ports, got.port(t)) {
		t.Errorf("it listens at %s, and the image says %v", got["addr"], image.ports)
	}
	kept := []string{got["data"], dirOf(got["store"])}
	for _, dir := range kept {
		if strings.HasPrefix(dir, "/") && !below(dir, how.dirs) {
			t.Errorf("it keeps something in %s, which is none of %v", dir, how.dirs)
		}
	}
	if grace := time.Duration(*s.StopGracePeriod); grace < got.duration(t, "drain")+finishing {
		t.Errorf("it is killed after %v, in the middle of what it has begun", grace)
	}
	if mebibytes(t, how.env["GOMEMLIMIT"]) >= int64(s.MemLimit) {
		t.Errorf("GOMEMLIMIT leaves nothing of %d bytes", s.MemLimit)
	}
}

// dirOf returns the directory that the URL of a store names, if any.
func dirOf(store string) string {
	if dir := regexp.MustCompile(`[?&]dir=([^&]*)`).FindStringSubmatch(store); dir != nil {
		return strings.ReplaceAll(dir[1], "%2F", "/")
	}
	return ""
}
