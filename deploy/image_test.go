package deploy

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// version is stamped into the image under test.
const version = "7.8.9-image"

// certificates is the file that the image's are taken from.
const certificates = "/etc/ssl/certs/ca-certificates.crt"

// container is the image's configuration.
type container struct {
	User         string
	ExposedPorts map[string]struct{}
	Env          []string
	Entrypoint   []string
	Cmd          []string
	WorkingDir   string
	Volumes      map[string]struct{}
	Labels       map[string]string
	Healthcheck  struct {
		Test              []string
		Interval, Timeout time.Duration
		Retries           int
	}
}

// file is an entry of the image's file system.
type file struct {
	mode     int64
	uid, gid int
	modified time.Time
	data     []byte // nil: a directory
}

// unpacked is an image that was read from its archive.
type unpacked struct {
	names  []string
	config struct {
		Architecture, OS string
		Created          time.Time
		Config           container
	}
	files map[string]file
	said  string // by the script that made it
}

// image is built once.
var image = sync.OnceValues(func() (*unpacked, error) {
	archive := filepath.Join(scratch, "ringmain.tar")
	out, err := makeImage(archive, "IMAGE=registry.example/ringmain:test")
	if err != nil {
		return nil, err
	}
	u, err := unpack(archive)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", archive, err)
	}
	u.said = out
	return u, nil
})

// makeImage does what `make image` does, but install.
func makeImage(archive string, env ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(root, "scripts", "image.sh"), archive)
	cmd.Env, cmd.WaitDelay = append(os.Environ(), append(env, "VERSION="+version)...), time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("scripts/image.sh: %w\n%s", err, out)
	}
	return string(out), nil
}

func mustImage(t *testing.T) *unpacked {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("building and running the image needs root, for mount and chroot: `sudo make test`")
	}
	u, err := image()
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// unpack reads an archive as `docker save` writes it.
func unpack(archive string) (*unpacked, error) {
	entries, err := untar(archive)
	if err != nil {
		return nil, err
	}
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(entries["manifest.json"].data, &manifest); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	if len(manifest) != 1 || len(manifest[0].Layers) != 1 {
		return nil, fmt.Errorf("not one image of one layer: %+v", manifest)
	}
	u := &unpacked{names: manifest[0].RepoTags}
	if err := json.Unmarshal(entries[manifest[0].Config].data, &u.config); err != nil {
		return nil, fmt.Errorf("the configuration: %w", err)
	}
	layer := filepath.Join(scratch, "layer.tar")
	if err := os.WriteFile(layer, entries[manifest[0].Layers[0]].data, 0o600); err != nil {
		return nil, err
	}
	u.files, err = untar(layer)
	return u, err
}

// maxImage bounds what is read of an archive.
const maxImage = 256 << 20

// untar reads the files and directories of an archive. Anything else has no data
// and a negative mode.
func untar(archive string) (map[string]file, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	files := map[string]file{}
	r := tar.NewReader(io.LimitReader(f, maxImage))
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		entry := file{mode: h.Mode, uid: h.Uid, gid: h.Gid, modified: h.ModTime}
		switch h.Typeflag {
		case tar.TypeReg:
			if entry.data, err = io.ReadAll(r); err != nil {
				return nil, err
			}
		case tar.TypeDir:
		default:
			entry.mode = -1
		}
		files[strings.TrimSuffix(h.Name, "/")] = entry
	}
}

func TestTheImageHoldsTheProgramAndTheCertificatesAndNothingElse(t *testing.T) {
	u := mustImage(t)
	want := map[string]int64{"etc": 0o755, "etc/ssl": 0o755, "etc/ssl/certs": 0o755,
		"etc/ssl/certs/ca-certificates.crt": 0o644, "ringmain": 0o755}
	for name, f := range u.files {
		mode, ok := want[name]
		if !ok {
			t.Errorf("it holds %s", name)
			continue
		}
		delete(want, name)
		if f.mode&0o7777 != mode || f.uid != 0 || f.gid != 0 {
			t.Errorf("%s has mode %o and belongs to %d:%d", name, f.mode, f.uid, f.gid)
		}
		if f.modified.Unix() != 0 {
			t.Errorf("%s bears the time %v, which no other build does", name, f.modified)
		}
	}
	if len(want) > 0 {
		t.Errorf("it lacks %v", want)
	}
	if string(u.files["etc/ssl/certs/ca-certificates.crt"].data) != read(t, certificates) {
		t.Error("its certificates are not those of this machine")
	}
	if size := len(u.files["ringmain"].data); size < 1<<20 || size > 32<<20 {
		t.Errorf("the program has %d bytes", size)
	}
}

func TestTheImageRunsTheProgramAsNobodyAndAsksItHowItIs(t *testing.T) {
	u := mustImage(t)
	c := u.config.Config
	for what, pair := range map[string][2]any{
		"names":          {u.names, []string{"registry.example/ringmain:test"}},
		"OS":             {u.config.OS, "linux"},
		"creation":       {u.config.Created.Unix(), int64(0)},
		"user":           {c.User, "65532:65532"},
		"entry point":    {c.Entrypoint, []string{"/ringmain"}},
		"arguments":      {c.Cmd, []string{"serve", "--config", "/etc/ringmain/config.yaml"}},
		"health check":   {c.Healthcheck.Test, []string{"CMD", "/ringmain", "probe", "live", "--config", "/etc/ringmain/config.yaml"}},
		"health seconds": {c.Healthcheck.Timeout, 3 * time.Second},
		"version":        {c.Labels["org.opencontainers.image.version"], version},
		"volumes":        {len(c.Volumes), 0},
	} {
		if fmt.Sprint(pair[0]) != fmt.Sprint(pair[1]) {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
	if !strings.HasPrefix(u.said, "registry.example/ringmain:test, version "+version+" for linux/") || !strings.Contains(u.said, " MB in ") {
		t.Errorf("make image says %q", u.said)
	}
}

func TestTheImagesLayerIsTheSameAtEveryBuild(t *testing.T) {
	first := mustImage(t)
	archive := filepath.Join(t.TempDir(), "again.tar")
	if _, err := makeImage(archive, "IMAGE="); err != nil {
		t.Fatal(err)
	}
	again, err := unpack(archive)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.names, []string{"localhost/ringmain:latest"}) {
		t.Errorf("without IMAGE it is named %q", again.names)
	}
	for name, f := range first.files {
		g := again.files[name]
		if !slices.Equal(f.data, g.data) || f.mode != g.mode || !f.modified.Equal(g.modified) {
			t.Errorf("%s differs", name)
		}
	}
}
