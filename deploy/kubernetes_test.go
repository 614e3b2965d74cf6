package deploy

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"ringmain/config"
)

// kustomization is what the shipped one makes use of.
type kustomization struct {
	APIVersion         string   `json:"apiVersion"`
	Kind               string   `json:"kind"`
	Resources          []string `json:"resources"`
	ConfigMapGenerator []struct {
		Name  string   `json:"name"`
		Files []string `json:"files"`
	} `json:"configMapGenerator"`
	Images []struct {
		Name   string `json:"name"`
		NewTag string `json:"newTag"`
	} `json:"images"`
}

// cluster is what `kubectl apply -k deploy/kubernetes` would send, but for the
// hash behind the name of the ConfigMap.
type cluster struct {
	configMap  corev1.ConfigMap
	secret     corev1.Secret
	deployment appsv1.Deployment
}

// kubernetes reads the manifests as the API server does when it validates
// strictly: an unknown field, a field that is there twice or a value of another
// type fails. alter may change their text before.
func kubernetes(t *testing.T, alter func(string) string) *cluster {
	t.Helper()
	var k kustomization
	strict(t, "kustomization.yaml", read(t, "kubernetes", "kustomization.yaml"), &k)
	if k.APIVersion != "kustomize.config.k8s.io/v1beta1" || k.Kind != "Kustomization" || len(k.ConfigMapGenerator) != 1 {
		t.Fatalf("not a kustomization with one ConfigMap: %+v", k)
	}
	c := &cluster{}
	c.configMap.Name, c.configMap.Data = k.ConfigMapGenerator[0].Name, map[string]string{}
	for _, file := range k.ConfigMapGenerator[0].Files {
		key, name, renamed := strings.Cut(file, "=")
		if !renamed {
			key, name = filepath.Base(file), file
		}
		c.configMap.Data[key] = alter(read(t, "kubernetes", name))
	}
	into := map[string]any{"v1/Secret": &c.secret, "apps/v1/Deployment": &c.deployment}
	for _, name := range k.Resources {
		text := alter(read(t, "kubernetes", name))
		var id metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(text), &id); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		kind := id.APIVersion + "/" + id.Kind
		if into[kind] == nil {
			t.Fatalf("%s: there is one more %s", name, kind)
		}
		strict(t, name, text, into[kind])
		delete(into, kind)
	}
	if len(into) > 0 {
		t.Fatalf("missing: %v", into)
	}
	for _, i := range k.Images {
		if c.sidecar(t).Image != i.Name+":"+i.NewTag {
			t.Errorf("the kustomization names image %s:%s, the Deployment %s", i.Name, i.NewTag, c.sidecar(t).Image)
		}
	}
	return c
}

func asShipped(text string) string { return text }

func strict(t *testing.T, what, text string, into any) {
	t.Helper()
	data, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	faults, err := json.UnmarshalStrict(data, into) // minds the case of names, as Go's own does not
	if err := errors.Join(append(faults, err)...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// sidecar is the container that runs Ringmain.
func (c *cluster) sidecar(t *testing.T) *corev1.Container {
	t.Helper()
	list := c.deployment.Spec.Template.Spec.InitContainers
	if len(list) != 1 || list[0].Name != "ringmain" {
		t.Fatalf("not one init container, ringmain: %+v", list)
	}
	return &list[0]
}

// workload is the sidecar as the kubelet would run it.
func (c *cluster) workload(t *testing.T) workload {
	t.Helper()
	pod, box := c.deployment.Spec.Template.Spec, c.sidecar(t)
	w := workload{
		args: box.Args, env: map[string]string{}, files: map[string]string{},
		uid: uint32(*box.SecurityContext.RunAsUser), gid: uint32(*box.SecurityContext.RunAsGroup),
		readOnly: *box.SecurityContext.ReadOnlyRootFilesystem,
		stop:     time.Duration(*pod.TerminationGracePeriodSeconds) * time.Second,
		memory:   box.Resources.Limits.Memory().Value(),
	}
	for _, e := range box.Env {
		w.env[e.Name] = e.Value
	}
	for _, m := range box.VolumeMounts {
		i := slices.IndexFunc(pod.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if i < 0 {
			t.Fatalf("there is no volume %s", m.Name)
		}
		for name, text := range c.contents(t, pod.Volumes[i]) {
			w.files[m.MountPath+"/"+name] = text
		}
	}
	return w
}

// contents are the files of a volume.
func (c *cluster) contents(t *testing.T, v corev1.Volume) map[string]string {
	t.Helper()
	switch {
	case v.ConfigMap != nil && v.ConfigMap.Name == c.configMap.Name:
		return c.configMap.Data
	case v.Secret != nil && v.Secret.SecretName == c.secret.Name:
		return c.secret.StringData
	}
	t.Fatalf("volume %s is of nothing that is shipped: %+v", v.Name, v.VolumeSource)
	return nil
}

func TestTheSidecarStartsBeforeTheApplicationAndStopsAfterIt(t *testing.T) {
	c := kubernetes(t, asShipped)
	box, spec := c.sidecar(t), c.deployment.Spec
	if box.RestartPolicy == nil || *box.RestartPolicy != corev1.ContainerRestartPolicyAlways {
		t.Error("an init container that is not restarted always is no sidecar: the application never starts")
	}
	if box.StartupProbe == nil {
		t.Error("without a startup probe the application starts before Ringmain serves")
	}
	for name, value := range spec.Selector.MatchLabels {
		if spec.Template.Labels[name] != value {
			t.Errorf("the selector wants %s=%s of Pods that have %v", name, value, spec.Template.Labels)
		}
	}
	if box.Image != mustDefaultImage(t) {
		t.Errorf("its image is %q, which `make image` does not make", box.Image)
	}
}

func TestThePodGivesItsContainersNoRightsAndBoundsThem(t *testing.T) {
	pod := kubernetes(t, asShipped).deployment.Spec.Template.Spec
	if p := pod.SecurityContext.SeccompProfile; p == nil || p.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Error("the Pod has no seccomp profile")
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Error("the Pod gets a token of the API server, which nobody needs")
	}
	for _, box := range slices.Concat(pod.InitContainers, pod.Containers) {
		s := box.SecurityContext
		if s == nil || !*s.RunAsNonRoot || *s.RunAsUser == 0 || !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation ||
			!slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || len(s.Capabilities.Add) > 0 {
			t.Errorf("%s: %+v", box.Name, s)
		}
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			request, limit := box.Resources.Requests[name], box.Resources.Limits[name]
			if request.IsZero() || limit.Cmp(request) < 0 {
				t.Errorf("%s: %s: a request of %v, a limit of %v", box.Name, name, &request, &limit)
			}
		}
	}
}

func TestTheKubeletFindsTheProbesAndOthersDoNotFindTheRedisPort(t *testing.T) {
	c := kubernetes(t, asShipped)
	box := c.sidecar(t)
	w := c.workload(t)
	cfg := w.parse(t)
	host, port, err := net.SplitHostPort(cfg.Admin.ProbeAddress)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		t.Errorf("admin.probe_address is %q, which is not the Pod's address", cfg.Admin.ProbeAddress)
	}
	for name, p := range probes(box) {
		if p == nil || p.HTTPGet == nil {
			t.Fatalf("the %s probe is not by HTTP", name)
		}
		i := slices.IndexFunc(box.Ports, func(p2 corev1.ContainerPort) bool { return p2.Name == p.HTTPGet.Port.StrVal })
		if i < 0 || fmt.Sprint(box.Ports[i].ContainerPort) != port {
			t.Errorf("the %s probe asks port %v of %v; admin.probe_address has %s", name, p.HTTPGet.Port.StrVal, box.Ports, port)
		}
	}
	if got := c.deployment.Spec.Template.Annotations["prometheus.io/port"]; got != port {
		t.Errorf("Prometheus is sent to port %s, want %s", got, port)
	}
	for _, l := range cfg.Listeners {
		host, _, _ := net.SplitHostPort(l.Address)
		if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
			t.Errorf("clients of other Pods reach %s", l.Address)
		}
	}
}

func probes(box *corev1.Container) map[string]*corev1.Probe {
	return map[string]*corev1.Probe{"startup": box.StartupProbe, "liveness": box.LivenessProbe, "readiness": box.ReadinessProbe}
}

// parse reads the configuration as the program would find it in the container.
func (w *workload) parse(t *testing.T) *config.Config {
	t.Helper()
	for name, value := range w.env {
		t.Setenv(name, value)
	}
	text := w.configFile(t)
	dir := t.TempDir()
	for name, data := range w.files {
		outside := filepath.Join(dir, filepath.Base(name))
		write(t, outside, data)
		text = strings.ReplaceAll(text, name, outside)
	}
	cfg, err := config.Parse("config.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// checkTimes holds for every way of running Ringmain that kills it some time
// after it was asked to stop, and bounds its memory.
func (w *workload) checkTimes(t *testing.T) {
	t.Helper()
	cfg := w.parse(t)
	drain := time.Duration(cfg.Drain.Delay) + time.Duration(cfg.Drain.Timeout)
	if w.stop < drain+5*time.Second {
		t.Errorf("it is killed %v after SIGTERM, and takes up to %v", w.stop, drain)
	}
	quarter := config.Size(w.memory) / 2 / 4
	if l := cfg.Limits; l.ClientOutput > quarter || l.NodeQueue > quarter {
		t.Errorf("in a container of %v client_output and node_queue are more than %v: %v, %v",
			config.Size(w.memory), quarter, l.ClientOutput, l.NodeQueue)
	}
	for _, note := range cfg.Notes {
		t.Errorf("the log begins with a warning: %s", note)
	}
}

func TestKubernetesLeavesRingmainTheTimeAndTheMemoryThatItIsConfiguredFor(t *testing.T) {
	w := kubernetes(t, asShipped).workload(t)
	w.checkTimes(t)
}
