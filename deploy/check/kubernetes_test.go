package check

import (
	"bufio"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// A manifest is what one file asks Kubernetes for.
type manifest struct {
	configs  map[string]corev1.ConfigMap
	services []corev1.Service
	budgets  []policyv1.PodDisruptionBudget
	policies []networkingv1.NetworkPolicy
	sets     []set
	once     []corev1.Pod // that do one thing and are gone
}

// A set is a StatefulSet or a Deployment.
type set struct {
	metav1.ObjectMeta
	replicas int32
	selector *metav1.LabelSelector
	template corev1.PodTemplateSpec
	claims   []corev1.PersistentVolumeClaim
	single   bool // only one pod may have the volume
}

// readManifest decodes every document of a file into the type of its kind, and refuses what
// that does not know.
func readManifest(t *testing.T, path string) manifest {
	t.Helper()
	m := manifest{configs: map[string]corev1.ConfigMap{}}
	documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(read(t, path))))
	for {
		document, err := documents.Read()
		if err == io.EOF {
			return m
		}
		if err != nil {
			t.Fatal(err)
		}
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal(document, &kind); err != nil {
			t.Fatal(err)
		}
		decode := func(into metav1.Object) {
			t.Helper()
			if err := yaml.UnmarshalStrict(document, into); err != nil {
				t.Fatalf("%s %s: %v", kind.Kind, into.GetName(), err)
			}
			for _, wrong := range validation.IsDNS1123Subdomain(into.GetName()) {
				t.Errorf("%s %q: %s", kind.Kind, into.GetName(), wrong)
			}
			for key, value := range into.GetLabels() {
				if wrong := append(validation.IsQualifiedName(key), validation.IsValidLabelValue(value)...); len(wrong) > 0 {
					t.Errorf("%s %s: label %s=%s: %v", kind.Kind, into.GetName(), key, value, wrong)
				}
			}
		}
		switch kind.APIVersion + " " + kind.Kind {
		case "v1 ConfigMap":
			var c corev1.ConfigMap
			decode(&c)
			m.configs[c.Name] = c
		case "v1 Service":
			var s corev1.Service
			decode(&s)
			m.services = append(m.services, s)
		case "apps/v1 StatefulSet":
			var s appsv1.StatefulSet
			decode(&s)
			m.sets = append(m.sets, set{s.ObjectMeta, *s.Spec.Replicas, s.Spec.Selector, s.Spec.Template, s.Spec.VolumeClaimTemplates, true})
			if !slices.ContainsFunc(m.services, func(of corev1.Service) bool { return of.Name == s.Spec.ServiceName }) {
				t.Errorf("StatefulSet %s: there is no Service %s", s.Name, s.Spec.ServiceName)
			}
		case "apps/v1 Deployment":
			var d appsv1.Deployment
			decode(&d)
			m.sets = append(m.sets, set{d.ObjectMeta, *d.Spec.Replicas, d.Spec.Selector, d.Spec.Template, nil, false})
			if r := d.Spec.Strategy.RollingUpdate; r == nil || r.MaxUnavailable == nil || r.MaxUnavailable.IntValue() != 0 {
				t.Errorf("Deployment %s: an upgrade takes pods away before there are others", d.Name)
			}
		case "v1 Pod":
			var p corev1.Pod
			decode(&p)
			m.once = append(m.once, p)
		case "policy/v1 PodDisruptionBudget":
			var b policyv1.PodDisruptionBudget
			decode(&b)
			m.budgets = append(m.budgets, b)
		case "networking.k8s.io/v1 NetworkPolicy":
			var p networkingv1.NetworkPolicy
			decode(&p)
			m.policies = append(m.policies, p)
		default:
			t.Errorf("%s %s is not looked at by this test", kind.APIVersion, kind.Kind)
		}
	}
}

func TestManifestsAreWhatKubernetesAndTheProgramsTake(t *testing.T) {
	all := map[string]manifest{}
	configs, claims := map[string]corev1.ConfigMap{}, map[string]bool{}
	for _, path := range found(t, "kubernetes/*.yaml") {
		m := readManifest(t, path)
		all[filepath.Base(path)] = m
		maps.Copy(configs, m.configs)
		for _, s := range m.sets {
			for _, claim := range s.claims {
				claims[claim.Name+"-"+s.Name+"-0"] = true
			}
		}
	}
	for name, m := range all {
		t.Run(name, func(t *testing.T) {
			if len(m.sets)+len(m.once) == 0 {
				t.Fatal("nothing runs")
			}
			for _, pod := range m.once {
				t.Run(pod.Name, func(t *testing.T) {
					for _, volume := range pod.Spec.Volumes {
						if of := volume.PersistentVolumeClaim; of != nil && !claims[of.ClaimName] {
							t.Errorf("no set has the claim %s", of.ClaimName)
						}
					}
					manifest{configs: configs}.checkPod(t, set{ObjectMeta: pod.ObjectMeta, template: corev1.PodTemplateSpec{Spec: pod.Spec}}, true)
				})
			}
			for _, s := range m.sets {
				t.Run(s.Name, func(t *testing.T) {
					m.checkAround(t, s)
					m.checkPod(t, s, false)
				})
			}
		})
	}
}

// selects reports whether a selector is of the pods of a set.
func selects(t *testing.T, selector *metav1.LabelSelector, s set) bool {
	t.Helper()
	of, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return !of.Empty() && of.Matches(labels.Set(s.template.Labels))
}

// checkAround checks what a set's pods have around them: a service, a budget, a policy.
func (m manifest) checkAround(t *testing.T, s set) {
	if !selects(t, s.selector, s) {
		t.Error("its selector is not of its pods")
	}
	served := 0
	for _, service := range m.services {
		if !labels.SelectorFromSet(service.Spec.Selector).Matches(labels.Set(s.template.Labels)) {
			continue
		}
		served++
		for _, port := range service.Spec.Ports {
			if portOf(s.template.Spec.Containers[0], port.TargetPort) == 0 {
				t.Errorf("Service %s leads to port %s, which is none", service.Name, port.TargetPort.String())
			}
		}
	}
	if served != 1 {
		t.Errorf("%d Services lead to it", served)
	}
	budgets := 0
	for _, b := range m.budgets {
		if !selects(t, b.Spec.Selector, s) {
			continue
		}
		budgets++
		if least := b.Spec.MinAvailable; least != nil && least.IntVal >= s.replicas {
			t.Errorf("PodDisruptionBudget %s keeps all %d pods, so that no node can be drained", b.Name, s.replicas)
		}
	}
	if budgets != 1 {
		t.Errorf("%d PodDisruptionBudgets are about it", budgets)
	}
	if !slices.ContainsFunc(m.policies, func(p networkingv1.NetworkPolicy) bool {
		return selects(t, &p.Spec.PodSelector, s) && len(p.Spec.PolicyTypes) == 2
	}) {
		t.Error("no NetworkPolicy is about it, both ways")
	}
	if s.single && s.replicas != 1 {
		t.Errorf("%d pods want one log", s.replicas)
	}
	if !s.single && s.replicas < 2 {
		t.Error("one pod is none while it moves")
	}
	for _, claim := range s.claims {
		if !slices.Equal(claim.Spec.AccessModes, []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod}) {
			t.Errorf("claim %s: two pods may have it", claim.Name)
		}
	}
}

// portOf returns the number of a port that a container has, or zero.
func portOf(c corev1.Container, port intstr.IntOrString) int {
	for _, p := range c.Ports {
		if port.StrVal == p.Name || port.IntVal == p.ContainerPort {
			return int(p.ContainerPort)
		}
	}
	return 0
}

// checkPod checks what runs in a pod, for good or once, and has the real program check its
// settings.
func (m manifest) checkPod(t *testing.T, s set, once bool) {
	pod := s.template.Spec
	if as := pod.SecurityContext; as == nil || as.RunAsNonRoot == nil || !*as.RunAsNonRoot || *as.RunAsUser == 0 || as.SeccompProfile == nil || as.FSGroup == nil {
		t.Error("it may be root, or ask the kernel for anything, or cannot write to its volume")
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken || pod.EnableServiceLinks == nil || *pod.EnableServiceLinks {
		t.Error("it is told of the cluster what it does not need")
	}
	used := map[string]bool{}
	for i, c := range append(slices.Clone(pod.Containers), pod.InitContainers...) {
		program := strings.TrimSuffix(strings.TrimPrefix(c.Image, "daybook/"), ":latest")
		if programs[program].code == "" {
			t.Fatalf("%s: there is no program %s", c.Name, c.Image)
		}
		if as := c.SecurityContext; as == nil || as.ReadOnlyRootFilesystem == nil || !*as.ReadOnlyRootFilesystem || as.AllowPrivilegeEscalation == nil || *as.AllowPrivilegeEscalation ||
			as.Capabilities == nil || !slices.Equal(as.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(as.Capabilities.Add) > 0 {
			t.Errorf("%s may write to its own image, or become more than it is", c.Name)
		}
		limit := c.Resources.Limits.Memory()
		if limit.IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
			t.Errorf("%s: it is not said how much it needs", c.Name)
		}
		how := m.setup(t, s, c, program, used)
		got := how.check(t, c.Name)
		if once || i >= len(pod.Containers) {
			continue
		}
		first := how
		first.args = []string{"access", "issue", "--config", c.Args[slices.Index(c.Args, "--config")+1], "--role", "admin", "me"}
		first.check(t, "the first key")
		if soft := mebibytes(t, how.env["GOMEMLIMIT"]); soft >= limit.Value() {
			t.Errorf("%s: GOMEMLIMIT leaves nothing of %s", c.Name, limit)
		}
		if grace := time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second; grace < got.duration(t, "drain")+finishing {
			t.Errorf("it is killed after %v, in the middle of what it has begun", grace)
		}
		if drain, seen := got.duration(t, "drain"), time.Duration(c.ReadinessProbe.PeriodSeconds)*time.Second; drain <= seen {
			t.Errorf("it drains for %v, and is asked whether it is ready every %v", drain, seen)
		}
		for name, probe := range map[string]*corev1.Probe{"/healthz": c.LivenessProbe, "/healthz ": c.StartupProbe, "/readyz": c.ReadinessProbe} {
			name = strings.TrimSpace(name)
			if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != name || !answers(t, program, name) {
				t.Errorf("%s is not asked for %s, or does not have it: %+v", c.Name, name, probe)
			} else if portOf(c, probe.HTTPGet.Port) != got.port(t) {
				t.Errorf("%s is asked for %s at another port than %s", c.Name, name, got["addr"])
			}
		}
		if data, keeps := got["data"]; keeps && !below(data, how.dirs) {
			t.Errorf("%s keeps its data in %s, which is none of %v", c.Name, got["data"], how.dirs)
		}
	}
	for _, volume := range pod.Volumes {
		if !used[volume.Name] {
			t.Errorf("nobody uses the volume %s", volume.Name)
		}
	}
}

// setup returns how a container is started.
func (m manifest) setup(t *testing.T, s set, c corev1.Container, program string, used map[string]bool) setup {
	t.Helper()
	how := setup{program: program, args: c.Args, env: map[string]string{}, files: map[string]string{}}
	for _, variable := range c.Env {
		if variable.ValueFrom != nil {
			t.Errorf("the variable %s is from elsewhere; secrets are files", variable.Name)
		}
		how.env[variable.Name] = variable.Value
	}
	for _, mount := range c.VolumeMounts {
		used[mount.Name] = true
		volume := slices.IndexFunc(s.template.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
		claimed := slices.ContainsFunc(s.claims, func(c corev1.PersistentVolumeClaim) bool { return c.Name == mount.Name })
		switch {
		case claimed || volume >= 0 && (s.template.Spec.Volumes[volume].EmptyDir != nil || s.template.Spec.Volumes[volume].PersistentVolumeClaim != nil):
			how.dirs = append(how.dirs, mount.MountPath)
		case volume >= 0 && s.template.Spec.Volumes[volume].ConfigMap != nil:
			config, has := m.configs[s.template.Spec.Volumes[volume].ConfigMap.Name]
			if !has {
				t.Errorf("there is no ConfigMap for the volume %s", mount.Name)
			}
			for name, content := range config.Data {
				how.files[mount.MountPath+"/"+name] = content
			}
		case volume >= 0 && s.template.Spec.Volumes[volume].Secret != nil:
			for _, name := range secretNames(m, mount.MountPath) {
				how.files[mount.MountPath+"/"+name] = "a secret"
			}
		default:
			t.Errorf("there is no volume %s for %s", mount.Name, mount.MountPath)
		}
		if writable := slices.Contains(how.dirs, mount.MountPath); writable == mount.ReadOnly {
			t.Errorf("%s: read only is %v", mount.MountPath, mount.ReadOnly)
		}
	}
	return how
}

// secretNames returns the names of the files that settings want in a directory.
func secretNames(m manifest, dir string) []string {
	var names []string
	for _, config := range m.configs {
		for _, content := range config.Data {
			for rest := content; ; {
				_, after, more := strings.Cut(rest, "${file:"+dir+"/")
				if !more {
					break
				}
				name, _, _ := strings.Cut(after, "}")
				names, rest = append(names, name), after
			}
		}
	}
	return names
}

// A pod that says less than it should is found.
func TestAManifestWithAMistakeIsFound(t *testing.T) {
	whole := read(t, found(t, "kubernetes/library-postgres.yaml")[0])
	for mistake, with := range map[string][2]string{
		"an unknown field": {"readOnlyRootFilesystem: true", "readOnlyRoot: true"},
		"a field twice":    {"replicas: 2", "replicas: 2\n  replicas: 3"},
	} {
		broken := strings.Replace(whole, with[0], with[1], 1)
		if broken == whole {
			t.Fatalf("%s: nothing is changed", mistake)
		}
		failed := false
		for document := range strings.SplitSeq(broken, "\n---\n") {
			var d appsv1.Deployment
			if strings.Contains(document, "kind: Deployment") && yaml.UnmarshalStrict([]byte(document), &d) != nil {
				failed = true
			}
		}
		if !failed {
			t.Errorf("%s is taken", mistake)
		}
	}
}
