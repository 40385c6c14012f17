package disk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// Format is a kind of file whose lines are JSON objects.
type Format struct {
	Kind  string // as people call it: "a recording"
	Begin string // how its first line begins, which tells one that a crash has torn from something else's
	// Check says what is wrong with a line, given without its line break: why it can't be of such a file. Nil for
	// nothing.
	Check func(line []byte) error
	// Skip passes over broken lines behind the first, and logs how many; else the first one is the error.
	Skip bool
}

// longestLine bounds a line in bytes.
const longestLine = 64 << 20

// mark is the byte order mark that some editors put before UTF-8.
const mark = "\xef\xbb\xbf"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// The checksum of a line is its object's last member: CRC-32C of the object without it.
const (
	sumHead = `,"crc":"`
	sumSize = len(sumHead) + 8 + len(`"}`)
)

// Summed is a JSON object with its checksum.
func Summed(object []byte) []byte {
	return fmt.Appendf(bytes.Clone(object[:len(object)-1]), `%s%08x"}`, sumHead, crc32.Checksum(object, castagnoli))
}

// LineSize is how many bytes a JSON object takes as a line of a file, with its checksum and its line break.
func LineSize(object []byte) int { return len(object) - 1 + sumSize + 1 }

// ErrSum is the error of a line whose checksum tells that it is not as it was written.
var ErrSum = errors.New("its checksum does not match: it is not as it was written")

// CheckSum holds a JSON object against its checksum; one that has none, as older builds wrote them, is taken as it is.
func CheckSum(object []byte) error {
	at := len(object) - sumSize
	if at < 1 || !bytes.HasPrefix(object[at:], []byte(sumHead)) {
		return nil
	}
	sum := crc32.Update(crc32.Checksum(object[:at], castagnoli), castagnoli, []byte("}"))
	if string(object[at:]) != fmt.Sprintf(`%s%08x"}`, sumHead, sum) {
		return ErrSum
	}
	return nil
}

// Bare is a line's object without its checksum.
func Bare(object []byte) []byte {
	at := len(object) - sumSize
	if at < 1 || !bytes.HasPrefix(object[at:], []byte(sumHead)) {
		return object
	}
	return append(bytes.Clone(object[:at]), '}')
}

// check says what is wrong with a line.
func (f Format) check(line []byte) error {
	if err := CheckSum(line); err != nil {
		return err
	}
	return f.Check(line)
}

// Found is what reading a file of lines came to.
type Found struct {
	Lines  int   // whole ones that are good
	Broken []int // the numbers of the whole ones that are not, from 1
	End    int64 // the bytes of the whole lines
	Torn   int64 // bytes behind them: of a line that was never finished
	open   bool  // the last of the whole lines has no line break yet
	why    error // what is wrong with the first of the broken ones
}

// Read hands the good lines of r, in order and each until the next is read, to take, whose error ends it. What stands
// behind the last line break is a line too if it is good, else it is left alone. path is how errors call r. It is an
// error when r holds something and its first line is none of the format.
func (f Format) Read(r io.Reader, path string, take func(line []byte) error) (Found, error) {
	found, err := f.scan(r, path, take)
	switch {
	case err != nil:
		return found, err
	case len(found.Broken) > 0 && found.Broken[0] == 1:
		return found, fmt.Errorf("%s:1: %w: it is not %s", path, found.why, f.Kind)
	case len(found.Broken) > 0 && !f.Skip:
		return found, fmt.Errorf("%s:%d: not a line of %s: %w (sidecar recording check says more, and mends it with --repair)", path, found.Broken[0], f.Kind, found.why)
	case len(found.Broken) > 0:
		slog.Warn("lines are broken, and passed over: sidecar recording check FILE says more, and mends it with --repair", "file", path, "lines", found.Broken, "first", found.why)
	}
	return found, nil
}

// scan reads all lines, broken ones too.
func (f Format) scan(r io.Reader, path string, take func(line []byte) error) (found Found, err error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if head, _ := in.Peek(len(mark)); string(head) == mark {
		n, _ := in.Discard(len(mark)) // they are in the buffer
		found.End = int64(n)
	}
	var line []byte
	for n := 1; ; n++ {
		size, long := int64(0), false
		line = line[:0]
		for {
			more, err := in.ReadSlice('\n')
			size += int64(len(more))
			if long = long || len(line)+len(more) > longestLine; !long {
				line = append(line, more...)
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if errors.Is(err, io.EOF) {
				if size > 0 && !long && f.check(line) == nil { // an editor may have left out the last break
					if err := take(line); err != nil {
						return found, fmt.Errorf("%s:%d: %w", path, n, err)
					}
					found.Lines, found.End, found.open = found.Lines+1, found.End+size, true
					return found, nil
				}
				if found.Torn = size; found.End <= int64(len(mark)) && size > 0 && !begins(line, f.Begin) {
					return found, fmt.Errorf("%s: it is not %s: name another file", path, f.Kind)
				}
				return found, nil
			}
			if errors.Is(err, io.ErrUnexpectedEOF) {
				return found, fmt.Errorf("%s: line %d: the compressed file is cut off here: fetch it again", path, n)
			}
			if err != nil {
				return found, fmt.Errorf("%s: line %d: %w", path, n, err)
			}
			break
		}
		found.End += size
		err := error(nil)
		if long {
			err = fmt.Errorf("%w: more than %d bytes", ErrTooLarge, longestLine)
		} else {
			line = bytes.TrimSuffix(line, []byte("\n"))
			err = f.check(line)
		}
		if err != nil {
			if found.Broken = append(found.Broken, n); found.why == nil {
				found.why = err
			}
			if n == 1 && !f.Skip {
				return found, nil // nothing of it is ours
			}
			continue
		}
		if err := take(line); err != nil {
			return found, fmt.Errorf("%s:%d: %w", path, n, err)
		}
		found.Lines++
	}
}

// begins reports whether text is the beginning of a line that begins like that.
func begins(text []byte, head string) bool {
	n := min(len(text), len(head))
	return string(text[:n]) == head[:n]
}

// Lines is a file of lines that is appended to. It is no more safe for concurrent use than a file is.
type Lines struct {
	file *os.File
	path string
	end  int64 // where the next line goes
	torn bool  // something stands behind that
	open bool  // what stands before it lacks its line break
}

// Lines opens the file at path to append to, and makes it where there is none, for its owner's eyes only; take is as
// for Read. A line torn by a crash is dropped when the next is written; until then nothing is changed. What is no such
// file is refused and never written to, and one that another process has open so is ErrInUse.
func (f Format) Lines(path string, take func(line []byte) error) (_ *Lines, err error) {
	if err := MkdirAll(filepath.Dir(path)); err != nil {
		return nil, err
	}
	file, err := openClaimed(path, os.O_RDWR|os.O_CREATE, Private)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	found, err := f.Read(file, path, take)
	if err != nil {
		return nil, err
	}
	if found.End == 0 { // it may be new
		err = syncFolder(filepath.Dir(path))
	}
	return &Lines{file: file, path: path, end: found.End, torn: found.Torn > 0, open: found.open}, err
}

// Mend drops what a crash has torn of a last line now, not when the next is written: for files that get no other.
func (l *Lines) Mend() error {
	if !l.torn {
		return nil
	}
	if err := l.file.Truncate(l.end); err != nil {
		return fmt.Errorf("%s: %w", l.path, err)
	}
	l.torn = false
	return nil
}

// Append adds JSON objects as lines, each with its checksum, in one write, and has them on disk when it returns. What
// could not be written whole is taken back, so that the next line stands by itself.
func (l *Lines) Append(objects ...[]byte) error {
	var buf bytes.Buffer
	if l.open {
		buf.WriteByte('\n')
	}
	for _, o := range objects {
		buf.Write(Summed(o))
		buf.WriteByte('\n')
	}
	if err := l.Mend(); err != nil {
		return err
	}
	_, err := l.file.WriteAt(buf.Bytes(), l.end)
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		l.torn = true // should it not go away now, it will be before the next line
		if l.file.Truncate(l.end) == nil {
			l.torn = false
		}
		return fmt.Errorf("%s: %w", l.path, err)
	}
	l.end, l.open = l.end+int64(buf.Len()), false
	return nil
}

// Close closes the file, and lets others have it.
func (l *Lines) Close() error { return l.file.Close() }

// Examine reads the file at path as the format of those given to which most of its lines belong, and says what it
// found. A compressed file is no file that anything is appended to: it is refused. It is an error when no line is of
// any of them.
func Examine(path string, formats ...Format) (Format, Found, error) {
	best, most, err := -1, Found{}, error(nil)
	for i, f := range formats {
		found, of := examine(path, f)
		if of != nil {
			err = of
			continue
		}
		if best < 0 || found.Lines > most.Lines {
			best, most = i, found
		}
	}
	if best < 0 {
		return Format{}, most, err
	}
	if most.Lines == 0 {
		var kinds []string
		for _, f := range formats {
			kinds = append(kinds, f.Kind)
		}
		return Format{}, most, fmt.Errorf("%s: no line of it is one of %s: it is left alone", path, strings.Join(kinds, ", "))
	}
	return formats[best], most, nil
}

func examine(path string, f Format) (Found, error) {
	file, err := Open(path)
	if err != nil {
		return Found{}, err
	}
	defer file.Close()
	f.Skip = true // the first line, too, may be the broken one
	return f.scan(file, path, func([]byte) error { return nil })
}

// Repair leaves of the file at path its good lines, in their order; the broken ones and a torn end go to a file beside
// it, whose path it returns, "" where there are none. Nobody else may have the file open to append to it.
func Repair(path string, f Format) (dropped string, err error) {
	file, err := openClaimed(path, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return "", err
	}
	var good, bad []byte
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte(mark))) {
		if whole := bytes.TrimSuffix(line, []byte("\n")); len(line) <= longestLine && f.check(whole) == nil {
			good = append(append(good, whole...), '\n')
		} else {
			bad = append(bad, line...)
		}
	}
	if len(good) == 0 {
		return "", fmt.Errorf("%s: no line of it is of %s: it is left alone", path, f.Kind)
	}
	if len(bad) == 0 {
		return "", nil
	}
	dropped = path + ".broken"
	for n := 2; Exists(dropped); n++ { // what an earlier repair left, or anybody's
		dropped = fmt.Sprintf("%s.broken-%d", path, n)
	}
	if err := Write(dropped, bad, Private); err != nil {
		return "", err
	}
	return dropped, Write(path, good, info.Mode().Perm())
}

// Exists reports whether there is anything at path.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
