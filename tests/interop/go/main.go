// Checks notes, proofs and tiles with Go's own packages for transparency logs: each line of JSON on
// standard input is a question, and gets one line as its answer.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	fnote "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type question struct {
	Do        string   `json:"do"`
	Note      string   `json:"note"`
	Proof     string   `json:"proof"`
	Log       string   `json:"log"`       // verifier key of the tree
	Witnesses []string `json:"witnesses"` // verifier keys
	Signer    string   `json:"signer"`    // private key of a note
	Directory string   `json:"directory"` // of an exported tree
	Count     int      `json:"count"`
}

func openNote(text string, log string, witnesses []string) (*note.Note, error) {
	verifier, err := note.NewVerifier(log)
	if err != nil {
		return nil, err
	}
	verifiers := []note.Verifier{verifier}
	for _, key := range witnesses {
		witness, err := fnote.NewVerifierForCosignatureV1(key)
		if err != nil {
			return nil, err
		}
		verifiers = append(verifiers, witness)
	}
	return note.Open([]byte(text), note.VerifierList(verifiers...))
}

func checkpointOf(text string) (tlog.Tree, string, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 {
		return tlog.Tree{}, "", fmt.Errorf("no checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, "", err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tlog.Tree{}, "", fmt.Errorf("no root")
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return tree, lines[0], nil
}

// Who signed, the witnesses among them.
func checkNote(q *question) (any, error) {
	opened, err := openNote(q.Note, q.Log, q.Witnesses)
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, signature := range opened.Sigs {
		names = append(names, signature.Name)
	}
	return map[string]any{"names": names, "text": opened.Text}, nil
}

func checkProof(q *question) (any, error) {
	var read proof.TLogProof
	if err := read.Unmarshal([]byte(q.Proof)); err != nil {
		return nil, err
	}
	opened, err := openNote(string(read.Checkpoint), q.Log, q.Witnesses)
	if err != nil {
		return nil, err
	}
	tree, _, err := checkpointOf(opened.Text)
	if err != nil {
		return nil, err
	}
	path := tlog.RecordProof{}
	for _, hash := range read.Hashes {
		path = append(path, tlog.Hash(hash))
	}
	err = tlog.CheckRecord(path, tree.N, tree.Hash, int64(read.Index), tlog.RecordHash(read.ExtraData))
	return map[string]any{"index": read.Index, "size": tree.N, "signatures": len(opened.Sigs),
		"leaf": string(read.ExtraData)}, err
}

type tiles struct{ directory string }

func (t tiles) Height() int { return 8 }

// Packages of Go name tiles "tile/8/L/N"; C2SP tlog-tiles leaves the height out.
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	all := [][]byte{}
	for _, tile := range wanted {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(t.directory, path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// A proof as tree_tool.c writes and reads it.
func proofLine(kind string, number int64, first tlog.Hash, path []tlog.Hash) string {
	line := fmt.Sprintf("%s %d %x", kind, number, first[:])
	for _, hash := range path {
		line += fmt.Sprintf(" %x", hash[:])
	}
	return line + "\n"
}

func checkLine(line string, tree tlog.Tree) error {
	words := strings.Fields(line)
	hashes := []tlog.Hash{}
	if len(words) < 3 {
		return fmt.Errorf("no proof: %s", line)
	}
	number, err := strconv.ParseInt(words[1], 10, 64)
	if err != nil {
		return err
	}
	for _, word := range words[2:] {
		octets, err := hex.DecodeString(word)
		if err != nil || len(octets) != tlog.HashSize {
			return fmt.Errorf("no hash: %s", word)
		}
		hashes = append(hashes, tlog.Hash(octets))
	}
	if words[0] == "record" {
		return tlog.CheckRecord(hashes[1:], tree.N, tree.Hash, number, hashes[0])
	}
	return tlog.CheckTree(hashes[1:], tree.N, tree.Hash, number, hashes[0])
}

// Proofs that others made: how many hold.
func checkProofs(lines string, tree tlog.Tree) (int, error) {
	count := 0
	for _, line := range strings.Split(strings.TrimSpace(lines), "\n") {
		if err := checkLine(line, tree); err != nil {
			return count, fmt.Errorf("%s: %w", line, err)
		}
		count++
	}
	return count, nil
}

// Proofs of leaves and of older trees, made from the tiles and checked with nothing but the root;
// and those that others made.
func checkTree(q *question) (any, error) {
	text, err := os.ReadFile(filepath.Join(q.Directory, "checkpoint"))
	if err != nil {
		return nil, err
	}
	opened, err := openNote(string(text), q.Log, nil)
	if err != nil {
		return nil, err
	}
	tree, _, err := checkpointOf(opened.Text)
	if err != nil {
		return nil, err
	}
	reader := tlog.TileHashReader(tree, tiles{q.Directory})
	chance := rand.New(rand.NewSource(1))
	held, err := checkProofs(q.Proof, tree)
	if err != nil {
		return nil, err
	}
	made := ""
	for i := 0; i < q.Count; i++ {
		at := chance.Int63n(tree.N)
		hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, at)})
		if err != nil {
			return nil, err
		}
		record, err := tlog.ProveRecord(tree.N, at, reader)
		if err != nil {
			return nil, err
		}
		if err := tlog.CheckRecord(record, tree.N, tree.Hash, at, hashes[0]); err != nil {
			return nil, err
		}
		older, err := tlog.TreeHash(at+1, reader)
		if err != nil {
			return nil, err
		}
		grown, err := tlog.ProveTree(tree.N, at+1, reader)
		if err != nil {
			return nil, err
		}
		if err := tlog.CheckTree(grown, tree.N, tree.Hash, at+1, older); err != nil {
			return nil, err
		}
		made += proofLine("record", at, hashes[0], record) + proofLine("tree", at+1, older, grown)
	}
	return map[string]any{"size": tree.N, "held": held, "proofs": made}, nil
}

// A signature line of a witness with the key, on a note.
func cosign(q *question) (any, error) {
	signer, err := fnote.NewSignerForCosignatureV1(q.Signer)
	if err != nil {
		return nil, err
	}
	text, _, _ := strings.Cut(q.Note, "\n\n")
	signed, err := note.Sign(&note.Note{Text: text + "\n"}, signer)
	if err != nil {
		return nil, err
	}
	_, line, _ := bytes.Cut(signed, []byte("\n\n"))
	return map[string]any{"line": string(line)}, nil
}

// The verifier key of another tree of a log: the same key under another name.
func rename(q *question) (any, error) {
	fields := strings.SplitN(q.Log, "+", 3)
	public, err := base64.StdEncoding.DecodeString(fields[2])
	if err != nil {
		return nil, err
	}
	key, err := note.NewEd25519VerifierKey(strings.TrimSuffix(fields[0], "events")+q.Note, public[1:])
	return map[string]any{"key": key}, err
}

// A witness as C2SP tlog-witness describes it.
type witness struct {
	sync.Mutex
	logs   []note.Verifier
	signer note.Signer
	seen   map[string]tlog.Tree
}

var theWitness = &witness{seen: map[string]tlog.Tree{}}

func (w *witness) ServeHTTP(out http.ResponseWriter, request *http.Request) {
	w.Lock()
	defer w.Unlock()
	body, _ := io.ReadAll(request.Body)
	head, text, _ := strings.Cut(string(body), "\n\n")
	lines := strings.Split(head, "\n")
	opened, err := note.Open([]byte(text), note.VerifierList(w.logs...))
	if err != nil {
		http.Error(out, err.Error(), http.StatusForbidden)
		return
	}
	tree, origin, err := checkpointOf(opened.Text)
	old, _ := strconv.ParseInt(strings.TrimPrefix(lines[0], "old "), 10, 64)
	if err != nil || request.URL.Path != "/add-checkpoint" {
		http.Error(out, "no checkpoint", http.StatusBadRequest)
		return
	}
	if seen := w.seen[origin]; seen.N != old {
		out.Header().Set("Content-Type", "text/x.tlog.size")
		out.WriteHeader(http.StatusConflict)
		fmt.Fprintf(out, "%d\n", seen.N)
		return
	}
	path := tlog.TreeProof{}
	for _, line := range lines[1:] {
		var hash tlog.Hash
		data, _ := base64.StdEncoding.DecodeString(line)
		copy(hash[:], data)
		path = append(path, hash)
	}
	if old != 0 && tlog.CheckTree(path, tree.N, tree.Hash, old, w.seen[origin].Hash) != nil {
		http.Error(out, "not consistent", http.StatusUnprocessableEntity)
		return
	}
	w.seen[origin] = tree
	signed, _ := note.Sign(&note.Note{Text: opened.Text}, w.signer)
	_, line, _ := bytes.Cut(signed, []byte("\n\n"))
	_, _ = out.Write(line)
}

func serve(*question) (any, error) {
	private, public, err := note.GenerateKey(nil, "go.witness.example/w")
	if err != nil {
		return nil, err
	}
	theWitness.signer, err = fnote.NewSignerForCosignatureV1(private)
	if err != nil {
		return nil, err
	}
	key, err := fnote.VKeyToCosignatureV1(public)
	return map[string]any{"key": key, "url": httptest.NewServer(theWitness).URL}, err
}

func watch(q *question) (any, error) {
	verifier, err := note.NewVerifier(q.Log)
	theWitness.Lock()
	defer theWitness.Unlock()
	theWitness.logs = append(theWitness.logs, verifier)
	return map[string]any{}, err
}

func main() {
	does := map[string]func(*question) (any, error){"note": checkNote, "proof": checkProof,
		"tree": checkTree, "cosign": cosign, "witness": serve, "watch": watch, "rename": rename}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var q question
		var answer any
		err := json.Unmarshal(lines.Bytes(), &q)
		if does[q.Do] == nil {
			err = fmt.Errorf("no such question")
		}
		if err == nil {
			answer, err = does[q.Do](&q)
		}
		if err != nil {
			answer = map[string]any{"error": err.Error()}
		}
		out, _ := json.Marshal(answer)
		fmt.Println(string(out))
	}
}
