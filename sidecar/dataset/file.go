package dataset

import (
	"encoding/json"
	"io/fs"

	"aprm/prm/disk"
)

// WriteJSON writes a value to a file, whole or not at all.
func WriteJSON(path string, value any, mode fs.FileMode) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return disk.Write(path, append(data, '\n'), mode)
}
