package dataset

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
)

// mark is a byte order mark, which some editors and shells put before UTF-8.
const mark = "\xef\xbb\xbf"

// foreign tells files that are no JSON by how they begin, and says what makes JSON of them.
var foreign = []struct{ magic, what string }{
	{"PAR1", `a Parquet file, which isn't read here; make JSON lines of it: python3 -c 'import pandas, sys; pandas.read_parquet(sys.argv[1]).to_json(sys.argv[2], orient="records", lines=True)' IN.parquet OUT.jsonl`},
	{"version https://git-lfs", "a pointer of Git LFS, not the file itself: git lfs pull fetches that"},
	{"\xff\xfe", "UTF-16; convert it first: iconv -f UTF-16 -t UTF-8"},
	{"\xfe\xff", "UTF-16; convert it first: iconv -f UTF-16 -t UTF-8"},
	{"PK\x03\x04", "a zip archive; unpack it first (.gz is read as it is)"},
	{"BZh", "compressed by bzip2; unpack it first (.gz is read as it is)"},
	{"\xfd7zXZ", "compressed by xz; unpack it first (.gz is read as it is)"},
	{"\x28\xb5\x2f\xfd", "compressed by zstd; unpack it first (.gz is read as it is)"},
}

// opened returns what r holds: decompressed where it is gzipped, without a byte order mark.
func opened(r io.Reader) (*bufio.Reader, error) {
	in := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := in.Peek(2); string(magic) == "\x1f\x8b" {
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return nil, damaged(err)
		}
		in = bufio.NewReaderSize(unzipped, 1<<16)
	}
	if begins(in, mark) {
		_, _ = in.Discard(len(mark)) // they are in the buffer
	}
	for _, f := range foreign {
		if begins(in, f.magic) {
			return nil, errors.New(f.what)
		}
	}
	return in, nil
}

// begins reports whether what in holds begins with s. It waits for no more than tells.
func begins(in *bufio.Reader, s string) bool {
	for n := 1; ; n++ {
		head, _ := in.Peek(n)
		if n > len(head) || !strings.HasPrefix(s, string(head)) {
			return false
		}
		if n == len(s) {
			return true
		}
	}
}

// damaged says what it means that a compressed file can't be read to its end.
func damaged(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("the compressed file is cut off here: fetch it again")
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.As(err, &corrupt):
		return fmt.Errorf("the compressed file is damaged: fetch it again (%w)", err)
	}
	return err
}
