package registry

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// Registry is an open registry. Its methods may be called from several goroutines.
type Registry struct {
	path, keyPath string
	opt           Options

	mu   sync.Mutex
	db   *sql.DB
	lock *os.File
	now  *content // as on disk
	tx   *Tx      // the transaction that is open
}

// Init makes a registry at path and its key at keyPath, and opens it. Missing folders are made, for the owner only. A key
// file that exists is used as it is; a registry that exists is an error (ErrExists). Keep the key file away from the
// registry, and keep a copy: without it nothing can be read.
func Init(path, keyPath string, opt Options) (*Registry, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	if opt.ReadOnly {
		return nil, ErrReadOnly
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%w: %s", ErrExists, path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("registry: folder of the registry: %w", err)
	}
	key, err := makeKey(keyPath)
	if err != nil {
		return nil, err
	}
	if err := create(path, key, opt); err != nil {
		return nil, wayOut(err)
	}
	return Open(path, keyPath, opt)
}

// create builds the file under another name and links it into place when it is complete, never over an existing one.
func create(path string, key []byte, opt Options) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".registry-*") // mode 0600
	if err != nil {
		return fmt.Errorf("registry: create: %w", err)
	}
	building := f.Name()
	defer func() { err = errors.Join(err, os.Remove(building)) }()
	if err := f.Close(); err != nil {
		return fmt.Errorf("registry: create: %w", err)
	}
	db, err := openDatabase(building, "delete", false)
	if err != nil {
		return err
	}
	if err := errors.Join(fill(db, key, opt), db.Close()); err != nil {
		return err
	}
	if err := os.Link(building, path); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s", ErrExists, path)
	} else if err != nil {
		return fmt.Errorf("registry: create: %w", err)
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a new name in a folder survive a power cut.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err != nil {
		return fmt.Errorf("registry: sync folder: %w", err)
	}
	return nil
}

func fill(db *sql.DB, key []byte, opt Options) error {
	ctx := context.Background()
	if err := migrate(ctx, db, 0); err != nil {
		return err
	}
	id := opt.ID
	if id == nil {
		id = make([]byte, 16)
		rand.Read(id) // never fails
	}
	secrets, err := deriveSecrets(key, id)
	if err != nil {
		return err
	}
	empty := &content{secrets: secrets, state: new(ksame.State), gallery: newGallery(opt.Dim)}
	row, err := empty.state.Add(ksame.Row{Kind: ksame.Init, Format: ksame.LedgerFormat, Registry: fmt.Sprintf("%x", id)})
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("registry: create: %w", err)
	}
	defer tx.Rollback()
	meta := map[string][]byte{
		"id": id, "dim": fmt.Append(nil, opt.Dim), "tau-low": fmt.Append(nil, opt.TauLow), "recognizer": []byte(opt.Recognizer),
		"strata": []byte(map[bool]string{true: "on", false: "off"}[opt.Strata]), "key-check": secrets.mac("key check"), "seal": empty.seal(),
	}
	for name, value := range meta {
		if value == nil {
			value = []byte{}
		}
		if _, err := tx.Exec("INSERT INTO meta VALUES (?, ?)", name, value); err != nil {
			return fmt.Errorf("registry: create: %w", err)
		}
	}
	if _, err := tx.Exec("INSERT INTO ledger VALUES (?, ?)", row.Seq, string(row.Line())); err != nil {
		return fmt.Errorf("registry: create: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("registry: create: %w", err)
	}
	return nil
}

// Open opens and verifies a registry: the ledger is replayed, every embedding decrypted. It migrates older schemas.
// Errors to branch on: ErrNoRegistry, ErrNoKey, ErrWrongKey, ErrBusy, ErrSchema, ErrModel, ksame.ErrTampered.
func Open(path, keyPath string, opt Options) (_ *Registry, err error) {
	if opt, err = opt.withDefaults(); err != nil {
		return nil, err
	}
	if err := tighten(path, opt.ReadOnly); err != nil {
		return nil, err
	}
	key, err := readKey(keyPath)
	if err != nil {
		return nil, err
	}
	r := &Registry{path: path, keyPath: keyPath, opt: opt}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	if !opt.ReadOnly {
		if r.lock, err = lockWriter(path); err != nil {
			return nil, err
		}
	}
	if r.db, err = openDatabase(path, "wal", opt.ReadOnly); err != nil {
		return nil, err
	}
	ctx := context.Background()
	version, err := checkSchema(ctx, r.db, path)
	if err != nil {
		return nil, err
	}
	if version < len(migrations) {
		if opt.ReadOnly {
			return nil, fmt.Errorf("%w: %s has version %d and must be opened for writing once", ErrSchema, path, version)
		}
		if err := migrate(ctx, r.db, version); err != nil {
			return nil, err
		}
	}
	if r.now, err = load(ctx, r.db, key); errors.Is(err, ErrWrongKey) {
		return nil, fmt.Errorf("%w: %s with %s\nhint: name the key file that was made with it (--key-file)", err, path, keyPath)
	} else if err != nil {
		return nil, fmt.Errorf("%w (file %s)", err, path)
	}
	if !(opt.TauLink >= r.now.tauLow) {
		return nil, fmt.Errorf("registry: link threshold %v below the stored %v of perhaps the same person", opt.TauLink, r.now.tauLow)
	}
	if err := r.upgradeLedger(ctx); err != nil {
		return nil, err
	}
	if opt.Recognizer != "" && opt.Recognizer != r.now.model {
		return nil, fmt.Errorf("%w: %s was made with %q, this is %q\nhint: embeddings of two models cannot be compared; make a new registry", ErrModel, path, r.now.model, opt.Recognizer)
	}
	return r, nil
}

// upgradeLedger lets a ledger of the first format go on in the newest one.
func (r *Registry) upgradeLedger(ctx context.Context) error {
	if r.opt.ReadOnly || r.now.state.Format() == ksame.LedgerFormat {
		return nil
	}
	return r.change(ctx, func(t *Tx) error { return t.record(ksame.Row{Kind: ksame.Upgrade, Format: ksame.LedgerFormat}) })
}

// Close ends an open transaction without writing it, and closes the file. A second call does nothing.
func (r *Registry) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tx != nil {
		r.tx.end()
	}
	var faults []error
	if r.db != nil {
		if r.now != nil && !r.opt.ReadOnly {
			faults = append(faults, r.checkpoint(context.Background()))
		}
		faults = append(faults, r.db.Close())
	}
	if r.lock != nil {
		faults = append(faults, r.lock.Close())
	}
	r.db, r.lock = nil, nil
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("registry: close: %w", err)
	}
	return nil
}

// checkpoint moves the write-ahead log into the file and empties it, so that no older page stays behind.
func (r *Registry) checkpoint(ctx context.Context) error {
	_, err := r.db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

// Path is the file of the registry.
func (r *Registry) Path() string { return r.path }

// Thresholds are the similarities in force: rendered as the same person, counted as perhaps the same.
func (r *Registry) Thresholds() (link, low float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opt.TauLink, r.now.tauLow
}

// Recognizer is the model whose embeddings the registry holds, as Init was told.
func (r *Registry) Recognizer() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now.model
}

// Strata says whether clusters publish an attribute of their members; see Options.
func (r *Registry) Strata() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now.strata
}

// Persons lists everybody, forgotten people included, by id.
func (r *Registry) Persons(ctx context.Context) ([]Person, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now.list(), ctx.Err()
}

func (c *content) list() []Person {
	out := make([]Person, 0, len(c.persons))
	for id, p := range c.persons {
		out = append(out, Person{ID: id, Label: p.label, Created: p.created, Samples: len(c.gallery.of[id]),
			Cluster: c.state.Of(id), Tombstone: p.wrapped == nil, Stratum: p.stratum})
	}
	slices.SortFunc(out, func(a, b Person) int { return int(a.ID - b.ID) })
	return out
}

// Match finds the nearest person as of the last commit. emb has unit length within 1 %; anything else is an error.
func (r *Registry) Match(emb []float32) (Match, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now.match(emb, r.opt)
}

func (c *content) match(emb []float32, opt Options) (Match, error) {
	e, err := c.gallery.check(emb)
	if err != nil {
		return Match{}, err
	}
	m, err := c.gallery.match(e)
	if err == nil && m.Person != 0 {
		m.Same, m.Maybe = m.Similarity >= opt.TauLink, m.Similarity >= c.tauLow
	}
	return m, err
}

// State is an independent copy of the state of the ledger as of the last commit.
func (r *Registry) State() *ksame.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now.state.Clone()
}

// Clusters lists the clusters as of the last commit.
func (r *Registry) Clusters() []ksame.Cluster { return r.State().Clusters() }

// Ledger is a copy of all rows as of the last commit.
func (r *Registry) Ledger() []ksame.Row {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.now.rows)
}

// ExportLedger writes the ledger as JSON Lines: ids and counts, no biometrics, names or times.
func (r *Registry) ExportLedger(w io.Writer) error { return ksame.WriteLedger(w, r.Ledger()) }

// Certify counts the clusters of the people on screen; see ksame.Certify.
func (r *Registry) Certify(k int, screen []ksame.PersonID) (ksame.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return ksame.Certify(r.now.state, k, screen, r.now.same())
}

// SharedMix is the surrogate that everybody shares in a run that is not certified: per donors of pool.
func (r *Registry) SharedMix(per int, pool []int) (ksame.Mix, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return ksame.SharedMix(r.now.secrets.choice, per, pool)
}

// same says whether two people may be one: not proven distinct by a picture that shows both, and similar enough.
func (c *content) same() func(a, b ksame.PersonID) bool {
	return func(a, b ksame.PersonID) bool {
		return !c.together[pairOf(a, b)] && c.gallery.similarity(a, b) >= c.tauLow
	}
}

// view is a copy to plan on: everything that a transaction changes is its own.
func (c *content) view() *content {
	v := *c
	v.gallery, v.state, v.rows = c.gallery.clone(), c.state.Clone(), slices.Clip(c.rows)
	v.persons = make(map[ksame.PersonID]*record, len(c.persons))
	for id, p := range c.persons {
		own := *p
		v.persons[id] = &own
	}
	v.sources, v.second = maps.Clone(c.sources), maps.Clone(c.second)
	v.together = make(map[pair]bool, len(c.together))
	for p := range c.together {
		v.together[p] = true
	}
	return &v
}
