package registry

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the database driver, pure Go

	"github.com/ksamenet/ksamenet/core/ksame"
)

// applicationID marks the file as ours ("KSAM"); see https://www.sqlite.org/pragma.html#pragma_application_id.
const applicationID = 0x4b53414d

// migrations[v] brings a file from schema version v to v+1. Once released, an entry never changes.
var migrations = []string{`
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
-- key and label are NULL once a person is forgotten.
CREATE TABLE person (id INTEGER PRIMARY KEY, created TEXT NOT NULL, key BLOB, label BLOB) STRICT;
CREATE TABLE sample (
	person INTEGER NOT NULL REFERENCES person, slot INTEGER NOT NULL,
	quality REAL NOT NULL, embedding BLOB NOT NULL, PRIMARY KEY (person, slot)) STRICT, WITHOUT ROWID;
-- Pairs seen in one picture: proven to be different people.
CREATE TABLE together (
	a INTEGER NOT NULL REFERENCES person, b INTEGER NOT NULL REFERENCES person,
	PRIMARY KEY (a, b), CHECK (a < b)) STRICT, WITHOUT ROWID;
CREATE TABLE ledger (seq INTEGER PRIMARY KEY, line TEXT NOT NULL) STRICT;
CREATE TRIGGER ledger_keeps_rows BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_keeps_text BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
`, `
-- The published attribute, encrypted like the label; NULL: none.
ALTER TABLE person ADD COLUMN stratum BLOB;
-- Keyed hashes of files that people were enrolled from, so that a file is taken once.
CREATE TABLE source (tag BLOB PRIMARY KEY, person INTEGER NOT NULL REFERENCES person) STRICT, WITHOUT ROWID;
`, `
-- One embedding a person by a second recogniser, which meta names: surrogates are compared with it.
CREATE TABLE second (person INTEGER PRIMARY KEY REFERENCES person, quality REAL NOT NULL, embedding BLOB NOT NULL) STRICT;
`}

// openDatabase opens the file without looking at what is in it. journal is "wal" for use, "delete" while a file is made.
func openDatabase(path, journal string, readOnly bool) (*sql.DB, error) {
	q := url.Values{}
	q.Add("_pragma", "busy_timeout(5000)")
	if readOnly {
		q.Set("mode", "ro")
		if frozen(path) {
			q.Set("immutable", "1")
		}
	} else {
		q.Set("mode", "rw")
		q.Set("_txlock", "immediate")
		for _, p := range []string{"journal_mode(" + journal + ")", "synchronous(full)", "secure_delete(on)", "foreign_keys(on)"} {
			q.Add("_pragma", p)
		}
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("registry: open %s: %w", path, err)
	}
	db.SetMaxOpenConns(1) // one connection: the pragmas above hold for all that follows
	return db, nil
}

// migrate brings the schema to the newest version in one transaction each.
func migrate(ctx context.Context, db *sql.DB, from int) error {
	for v := from; v < len(migrations); v++ {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("registry: migrate: %w", err)
		}
		_, err = tx.ExecContext(ctx, migrations[v]+fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d;", v+1, applicationID))
		if err != nil {
			return fmt.Errorf("registry: migrate schema %d to %d: %w", v, v+1, errors.Join(err, tx.Rollback()))
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("registry: migrate schema %d to %d: %w", v, v+1, err)
		}
	}
	return nil
}

// checkSchema says which version the file has.
func checkSchema(ctx context.Context, db *sql.DB, path string) (int, error) {
	var application, version int
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&application); err != nil {
		return 0, fmt.Errorf("registry: %s cannot be read as a registry: %w", path, err)
	}
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return 0, fmt.Errorf("registry: %s cannot be read as a registry: %w", path, err)
	}
	if application != applicationID {
		return 0, fmt.Errorf("registry: %s is an SQLite file, but no registry", path)
	}
	if version > len(migrations) {
		return 0, fmt.Errorf("%w: %s has version %d, this program knows %d\nhint: use the newer ksamenet that wrote it", ErrSchema, path, version, len(migrations))
	}
	return version, nil
}

// tighten makes sure that nobody else can read the file.
func tighten(path string, readOnly bool) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s\nhint: ksamenet registry init", ErrNoRegistry, path)
	}
	if err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("registry: %s is not a regular file", path)
	}
	if info.Mode().Perm()&0o077 == 0 || readOnly {
		return nil
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("registry: %s can be read by others, and that cannot be changed: %w", path, err)
	}
	return nil
}

// content is all a registry file holds, decrypted and verified.
type content struct {
	id      []byte
	dim     int
	model   string
	strata  bool
	sources map[string]ksame.PersonID // by tag
	tauLow  float64

	secondModel string // whose embeddings second holds
	secrets     *secrets
	persons     map[ksame.PersonID]*record
	gallery     *gallery
	second      map[ksame.PersonID]second
	together    map[pair]bool
	rows        []ksame.Row
	state       *ksame.State
}

// record is a person in memory.
type record struct {
	created time.Time
	label   string
	stratum string
	wrapped []byte // their key as the file holds it; nil: forgotten
}

// pair is two people, the smaller id first.
type pair [2]ksame.PersonID

func pairOf(a, b ksame.PersonID) pair { return pair{min(a, b), max(a, b)} }

// load reads and verifies everything. Reading all of it is a second for 10,000 people, and means that nothing is decided on
// a file that is damaged anywhere.
func load(ctx context.Context, db *sql.DB, key []byte) (*content, error) {
	c := &content{persons: map[ksame.PersonID]*record{}, second: map[ksame.PersonID]second{}, together: map[pair]bool{}, sources: map[string]ksame.PersonID{}}
	meta := map[string][]byte{}
	err := each(ctx, db, "SELECT name, value FROM meta", func(scan func(...any) error) error {
		var name string
		var value []byte
		err := scan(&name, &value)
		meta[name] = value
		return err
	})
	if err != nil {
		return nil, err
	}
	c.id, c.model, c.strata = meta["id"], string(meta["recognizer"]), string(meta["strata"]) == "on"
	c.secondModel = string(meta["second"])
	if c.secrets, err = deriveSecrets(key, c.id); err != nil {
		return nil, err
	}
	if !hmac.Equal(meta["key-check"], c.secrets.mac("key check")) {
		return nil, ErrWrongKey
	}
	if _, err := fmt.Sscanf(string(meta["dim"]), "%d", &c.dim); err != nil || c.dim < 1 {
		return nil, fmt.Errorf("registry: the file says that embeddings have %q values", meta["dim"])
	}
	if c.tauLow, err = strconv.ParseFloat(string(meta["tau-low"]), 64); err != nil {
		return nil, fmt.Errorf("registry: the file's threshold: %w", err)
	}
	if err := c.loadLedger(ctx, db); err != nil {
		return nil, err
	}
	if err := c.loadPeople(ctx, db); err != nil {
		return nil, err
	}
	if err := c.loadSecond(ctx, db); err != nil {
		return nil, err
	}
	err = each(ctx, db, "SELECT a, b FROM together", func(scan func(...any) error) error {
		var p pair
		err := scan(&p[0], &p[1])
		c.together[p] = true
		return err
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, db, "SELECT tag, person FROM source", func(scan func(...any) error) error {
		var tag []byte
		var id ksame.PersonID
		err := scan(&tag, &id)
		c.sources[string(tag)] = id
		return err
	})
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(meta["seal"], c.seal()) {
		return nil, fmt.Errorf("registry: %w: the file was changed by somebody without this key", ksame.ErrTampered)
	}
	return c, nil
}

// seal authenticates what no ciphertext does: the newest ledger row and with it the whole chain (which alone proves order,
// not authorship), which pairs are proven distinct, how many samples each person has, their strata, and who has a second
// embedding.
func (c *content) seal() []byte {
	h := sha256.New()
	fmt.Fprintln(h, c.state.Head())
	for _, p := range c.pairs() {
		fmt.Fprintln(h, "together", p[0], p[1])
	}
	for _, p := range c.state.Persons() {
		fmt.Fprintln(h, "samples", p, len(c.gallery.of[p]))
		if r := c.persons[p]; r != nil && r.stratum != "" {
			fmt.Fprintln(h, "stratum", p, r.stratum)
		}
		if _, ok := c.second[p]; ok {
			fmt.Fprintln(h, "second", p, c.secondModel)
		}
	}
	return c.secrets.mac(fmt.Sprintf("content %x", h.Sum(nil)))
}

// pairs lists the people seen together, in order.
func (c *content) pairs() [][2]ksame.PersonID {
	out := make([][2]ksame.PersonID, 0, len(c.together))
	for p := range c.together {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b [2]ksame.PersonID) int { return slices.Compare(a[:], b[:]) })
	return out
}

func (c *content) loadLedger(ctx context.Context, db *sql.DB) error {
	err := each(ctx, db, "SELECT line FROM ledger ORDER BY seq", func(scan func(...any) error) error {
		var line string
		if err := scan(&line); err != nil {
			return err
		}
		row, err := ksame.ParseRow([]byte(line))
		c.rows = append(c.rows, row)
		return err
	})
	if err != nil {
		return err
	}
	if c.state, err = ksame.Replay(c.rows); err != nil {
		return err
	}
	if c.state.Registry() != fmt.Sprintf("%x", c.id) {
		return fmt.Errorf("registry: %w: it is the ledger of another registry", ksame.ErrTampered)
	}
	return nil
}

func (c *content) loadPeople(ctx context.Context, db *sql.DB) error {
	c.gallery = newGallery(c.dim)
	err := each(ctx, db, "SELECT id, created, key, label, stratum FROM person ORDER BY id", func(scan func(...any) error) error {
		var id ksame.PersonID
		var created string
		var label, stratum []byte
		r := new(record)
		if err := scan(&id, &created, &r.wrapped, &label, &stratum); err != nil {
			return err
		}
		c.persons[id] = r
		var err error
		if r.created, err = time.Parse(time.RFC3339, created); err != nil {
			return fmt.Errorf("registry: person %d: %w", id, err)
		}
		if r.wrapped == nil {
			return nil
		}
		aead, err := c.secrets.personKey(id, r.wrapped)
		if err != nil {
			return err
		}
		plain, err := openBytes(aead, "label", id, label)
		if err != nil {
			return err
		}
		r.label = string(plain)
		if stratum != nil {
			plain, err = openBytes(aead, "stratum", id, stratum)
			r.stratum = string(plain)
		}
		return err
	})
	if err != nil {
		return err
	}
	var owner ksame.PersonID
	var ownerKey = c.secrets.wrap
	err = each(ctx, db, "SELECT person, slot, quality, embedding FROM sample ORDER BY person, slot", func(scan func(...any) error) error {
		var id ksame.PersonID
		var slot int
		var quality float64
		var sealed []byte
		if err := scan(&id, &slot, &quality, &sealed); err != nil {
			return err
		}
		r := c.persons[id]
		if r == nil || r.wrapped == nil || slot != len(c.gallery.of[id]) {
			return fmt.Errorf("registry: %w: sample %d of person %d has no place", ksame.ErrTampered, slot, id)
		}
		if id != owner {
			var err error
			if ownerKey, err = c.secrets.personKey(id, r.wrapped); err != nil {
				return err
			}
			owner = id
		}
		plain, err := openBytes(ownerKey, "embedding", id, sealed)
		if err != nil {
			return err
		}
		e, err := decodeEmbedding(plain, c.dim)
		if err != nil {
			return err
		}
		if e, err = c.gallery.check(e); err != nil {
			return err
		}
		c.gallery.add(id, e, quality)
		return nil
	})
	if err != nil {
		return err
	}
	return c.agree()
}

// agree checks that the people of the tables are the people of the ledger.
func (c *content) agree() error {
	var faults []string
	for _, p := range c.state.Persons() {
		if r := c.persons[p]; r == nil || r.wrapped == nil || len(c.gallery.of[p]) == 0 {
			faults = append(faults, fmt.Sprintf("person %d is in the ledger, but has no embedding", p))
		}
	}
	if len(c.persons) != int(c.state.NextPerson()-1) {
		faults = append(faults, fmt.Sprintf("%d people in the table, %d in the ledger", len(c.persons), c.state.NextPerson()-1))
	}
	for p, r := range c.persons {
		if c.state.Forgotten(p) != (r.wrapped == nil) {
			faults = append(faults, fmt.Sprintf("person %d is forgotten in one place only", p))
		}
	}
	if faults != nil {
		return fmt.Errorf("registry: %w: %s", ksame.ErrTampered, strings.Join(faults, "; "))
	}
	return nil
}

// each runs a query and calls row for every row of its result.
func each(ctx context.Context, db *sql.DB, query string, row func(scan func(...any) error) error) error {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("registry: read: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("registry: read: %w", err)
	}
	return nil
}
