package ffcli

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ksamenet/ksamenet/core/decisions"
	"github.com/ksamenet/ksamenet/ffcli/internal/av"
)

// A checkpoint is the decision list of a finished first pass, beside the output until the run is done. Its first line is the
// digest of the settings that it was made with: under others it is not taken up.

func checkpointPath(j job) string {
	return filepath.Join(filepath.Dir(j.output), "."+filepath.Base(j.output)+".ksamenet-resume")
}

// settingsDigest stands for everything but the input that decides what the first pass decides.
func (s *session) settingsDigest() (string, error) {
	b, err := json.Marshal(s.cfg)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, s.cfg.Tool)
	h.Write(b)
	for _, m := range s.stages.Models() {
		fmt.Fprintln(h, m.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// checkpoint keeps the first pass.
func (s *session) checkpoint(j job, l *decisions.List) error {
	digest, err := s.settingsDigest()
	if err != nil {
		return err
	}
	return writeAtomic(checkpointPath(j), func(w io.Writer) error {
		if _, err := fmt.Fprintln(w, digest); err != nil {
			return err
		}
		return l.Write(w)
	})
}

// resumed is the first pass of a run that was stopped; nil when none is asked for, or none fits. It removes what a killed
// run left.
func (s *session) resumed(ctx context.Context, j job) (*analysis, error) {
	if !s.c.Bool("resume") {
		return nil, nil
	}
	if err := av.Sweep(j.output); err != nil {
		return nil, err
	}
	path := checkpointPath(j)
	list, err := s.readCheckpoint(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.say("nothing to take up; the run begins anew")
		return nil, nil
	case err != nil:
		s.warn("%s is not taken up: %v", path, err)
		return nil, nil
	}
	sum, err := fileSHA256(ctx, j.input)
	if err != nil {
		return nil, err
	}
	if sum != list.Source.SHA256 {
		s.warn("%s is not taken up: the input is another", path)
		return nil, nil
	}
	if why := otherView(s.c, list.Source.Cut, list.Source.Filter); why != "" {
		s.warn("%s is not taken up: %s", path, why)
		return nil, nil
	}
	ledger, err := s.confirmed(ctx, list)
	if ctx.Err() != nil {
		return nil, err
	}
	if err != nil {
		s.warn("%s is not taken up: %v", path, err)
		return nil, nil
	}
	s.say("the first pass is taken up: %d frames, %d tracks", list.Source.Frames, len(list.Tracks))
	return &analysis{list: list, ledger: ledger}, nil
}

func (s *session) readCheckpoint(path string) (*decisions.List, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	digest, err := r.ReadString('\n')
	if err != nil {
		return nil, err
	}
	want, err := s.settingsDigest()
	if err != nil {
		return nil, err
	}
	if digest != want+"\n" {
		return nil, errors.New("it was made with other settings, models or another version")
	}
	return decisions.Read(r)
}
