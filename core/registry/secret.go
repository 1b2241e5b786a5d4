package registry

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/ksamenet/ksamenet/core/ksame"
)

// recordFormat is bound to every ciphertext. It changes when the meaning of a record does, not with the table layout.
const recordFormat = "ksamenet-registry-record/1"

const keySize = 32

// secrets are the keys derived from the key file and the registry's id (HKDF-SHA256, RFC 5869), one per purpose.
type secrets struct {
	wrap   cipher.AEAD // encrypts the keys of people
	choice []byte      // keyed choices: clusters of newcomers, donors
	seal   []byte      // authenticates the content and recognises the key
}

func deriveSecrets(key, id []byte) (*secrets, error) {
	derive := func(purpose string) ([]byte, error) {
		return hkdf.Key(sha256.New, key, id, "ksamenet registry: "+purpose, keySize)
	}
	wrap, err := derive("wrap")
	if err != nil {
		return nil, fmt.Errorf("registry: derive keys: %w", err)
	}
	s := new(secrets)
	if s.choice, err = derive("choice"); err != nil {
		return nil, fmt.Errorf("registry: derive keys: %w", err)
	}
	if s.seal, err = derive("seal"); err != nil {
		return nil, fmt.Errorf("registry: derive keys: %w", err)
	}
	if s.wrap, err = chacha20poly1305.NewX(wrap); err != nil {
		return nil, fmt.Errorf("registry: derive keys: %w", err)
	}
	return s, nil
}

// mac is HMAC-SHA256 of text under the seal key.
func (s *secrets) mac(text string) []byte {
	h := hmac.New(sha256.New, s.seal)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// sealBytes encrypts with XChaCha20-Poly1305 under a fresh random nonce, which goes in front. The record's kind and person
// are authenticated, so that no record can stand in for another.
func sealBytes(aead cipher.AEAD, kind string, person ksame.PersonID, plain []byte) []byte {
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	rand.Read(nonce) // never fails (crypto/rand)
	return aead.Seal(nonce, nonce, plain, boundTo(kind, person))
}

func openBytes(aead cipher.AEAD, kind string, person ksame.PersonID, sealed []byte) ([]byte, error) {
	if len(sealed) < aead.NonceSize() {
		return nil, fmt.Errorf("registry: the %s of person %d is cut short", kind, person)
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], boundTo(kind, person))
	if err != nil {
		return nil, fmt.Errorf("registry: the %s of person %d does not decrypt (damaged or exchanged): %w", kind, person, err)
	}
	return plain, nil
}

func boundTo(kind string, person ksame.PersonID) []byte {
	return binary.BigEndian.AppendUint64([]byte(recordFormat+"|"+kind+"|"), uint64(person))
}

// newPersonKey makes the key of one person and its wrapped form for the file.
func (s *secrets) newPersonKey(person ksame.PersonID) (aead cipher.AEAD, wrapped []byte, err error) {
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	if aead, err = chacha20poly1305.NewX(key); err != nil {
		return nil, nil, fmt.Errorf("registry: key of person %d: %w", person, err)
	}
	return aead, sealBytes(s.wrap, "key", person, key), nil
}

func (s *secrets) personKey(person ksame.PersonID, wrapped []byte) (cipher.AEAD, error) {
	key, err := openBytes(s.wrap, "key", person, wrapped)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		return nil, fmt.Errorf("registry: key of person %d: %w", person, err)
	}
	return aead, nil
}

func encodeEmbedding(e []float32) []byte {
	out := make([]byte, 0, 4*len(e))
	for _, v := range e {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

func decodeEmbedding(b []byte, dim int) ([]float32, error) {
	if len(b) != 4*dim {
		return nil, fmt.Errorf("registry: an embedding of %d bytes, want %d", len(b), 4*dim)
	}
	out := make([]float32, dim)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return out, nil
}

// readKey reads a key file: 32 bytes, readable by its owner only.
func readKey(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s\nhint: without its key a registry cannot be read; restore the file from where you keep it, or name it with --key-file", ErrNoKey, path)
	}
	if err != nil {
		return nil, fmt.Errorf("registry: key file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("registry: key file %s is not a regular file", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("registry: key file %s can be read by others (mode %04o)\nhint: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	if info.Size() != keySize {
		return nil, fmt.Errorf("registry: key file %s has %d bytes, a key has %d", path, info.Size(), keySize)
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("registry: key file: %w", err)
	}
	return key, nil
}

// makeKey writes a new random key file, or reads the one that is there.
func makeKey(path string) ([]byte, error) {
	if _, err := os.Lstat(path); err == nil {
		return readKey(path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("registry: folder of the key file: %w", err)
	}
	key := make([]byte, keySize)
	rand.Read(key) // never fails
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("registry: key file: %w", err)
	}
	_, err = f.Write(key)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("registry: write key file: %w", err), os.Remove(path))
	}
	return key, syncFolder(filepath.Dir(path))
}
