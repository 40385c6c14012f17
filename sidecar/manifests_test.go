package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"go.yaml.in/yaml/v3"
)

var kubernetes = filepath.Join("..", "configs", "kubernetes")

// manifest is what tests read of an object.
type manifest struct {
	Kind     string
	Metadata struct{ Name string }
	Data     map[string]string
	Spec     struct {
		Selector             any
		ServiceName          string                `yaml:"serviceName"`
		Replicas             int                   //
		VolumeClaimTemplates []manifest            `yaml:"volumeClaimTemplates"`
		ScaleTargetRef       struct{ Name string } `yaml:"scaleTargetRef"`
		Triggers             []struct {
			Type     string
			Metadata map[string]string
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				InitContainers []container `yaml:"initContainers"`
				Containers     []container
				Volumes        []struct {
					Name                  string
					ConfigMap             struct{ Name string } `yaml:"configMap"`
					PersistentVolumeClaim struct {
						ClaimName string `yaml:"claimName"`
					} `yaml:"persistentVolumeClaim"`
				}
			}
		}
	}
}

type container struct {
	Name, Image   string
	Args, Command []string
	VolumeMounts  []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

func manifests(t *testing.T) (all []manifest) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(kubernetes, "*.yaml"))
	if err != nil || len(files) < 4 {
		t.Fatalf("%q, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for dec := yaml.NewDecoder(bytes.NewReader(text)); ; {
			var one manifest
			if err := dec.Decode(&one); err != nil {
				if err.Error() != "EOF" {
					t.Fatalf("%s: %v", file, err)
				}
				break
			}
			all = append(all, one)
		}
	}
	return all
}

// pinned is an image with a version of its own.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+:v?[0-9]+\.[0-9]+\.[0-9]+(-[a-z]+)?$`)

// TestManifests: what the schemas of Kubernetes and compose can't tell (.ci/manifests holds them): images are pinned,
// what is mounted is there, vLLM has its shared memory, and commands are ones that this program takes.
func TestManifests(t *testing.T) {
	there := map[string]bool{}
	all := manifests(t)
	for _, m := range all {
		there[m.Kind+" "+m.Metadata.Name] = true
	}
	ours := 0
	for _, m := range all {
		spec := m.Spec.Template.Spec
		volumes := map[string]bool{}
		for _, v := range spec.Volumes {
			volumes[v.Name] = true
			if name := v.ConfigMap.Name; name != "" && !there["ConfigMap "+name] {
				t.Errorf("%s %s: there is no ConfigMap %s", m.Kind, m.Metadata.Name, name)
			}
			if name := v.PersistentVolumeClaim.ClaimName; name != "" && !there["PersistentVolumeClaim "+name] {
				t.Errorf("%s %s: there is no claim %s", m.Kind, m.Metadata.Name, name)
			}
		}
		for _, v := range m.Spec.VolumeClaimTemplates {
			volumes[v.Metadata.Name] = true
		}
		for _, c := range append(spec.InitContainers, spec.Containers...) {
			if !pinned.MatchString(c.Image) {
				t.Errorf("%s: the image %s has no version", c.Name, c.Image)
			}
			var paths []string
			for _, mount := range c.VolumeMounts {
				paths = append(paths, mount.MountPath)
				if !volumes[mount.Name] {
					t.Errorf("%s: there is no volume %s", c.Name, mount.Name)
				}
			}
			switch {
			case strings.Contains(c.Image, "vllm") && !slices.Contains(paths, "/dev/shm"):
				t.Errorf("%s: /dev/shm is no volume", c.Name)
			case strings.Contains(c.Image, "/sidecar:"):
				ours++
				args := slices.DeleteFunc(slices.Clone(c.Args), func(arg string) bool { return arg == "--config" || strings.HasPrefix(arg, "/etc/") })
				if _, err := parse(t, args...); err != nil {
					t.Errorf("%s: sidecar %s: %v", c.Name, strings.Join(args, " "), err)
				}
			}
		}
		if to := m.Spec.ScaleTargetRef.Name; m.Kind == "ScaledObject" && (!there["Deployment "+to] || len(m.Spec.Triggers) != 1 || m.Spec.Triggers[0].Metadata["stream"] != "SIDECAR_JOBS") {
			t.Errorf("%+v scales nothing by the queue", m.Spec)
		}
		if m.Kind == "StatefulSet" && (m.Spec.Replicas != 3 || !there["Service "+m.Spec.ServiceName]) {
			t.Errorf("NATS: %+v", m.Spec)
		}
		if conf := m.Data["nats.conf"]; conf != "" {
			path := filepath.Join(t.TempDir(), "nats.conf")
			if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("SERVER_NAME", "nats-0")
			opt, err := server.ProcessConfigFile(path)
			if err != nil || !opt.JetStream || opt.ServerName != "nats-0" || len(opt.Routes) != 3 || opt.Cluster.Name == "" {
				t.Errorf("nats.conf: %v, %+v", err, opt)
			}
		}
	}
	if ours < 3 {
		t.Errorf("%d containers of this program", ours)
	}

	text, err := os.ReadFile(filepath.Join("..", "configs", "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct {
			Image   string
			Command []string
			Volumes []string
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal(text, &compose); err != nil || len(compose.Services) < 5 {
		t.Fatalf("compose: %v, %+v", err, compose)
	}
	for name, s := range compose.Services {
		if !pinned.MatchString(s.Image) {
			t.Errorf("compose: %s: the image %s has no version", name, s.Image)
		}
		for _, mount := range s.Volumes {
			volume, _, _ := strings.Cut(mount, ":")
			if _, known := compose.Volumes[volume]; !known {
				t.Errorf("compose: %s: there is no volume %s", name, volume)
			}
		}
		if strings.HasPrefix(s.Image, "sidecar:") {
			if _, err := parse(t, s.Command...); err != nil {
				t.Errorf("compose: %s: %v", name, err)
			}
		}
	}
}
