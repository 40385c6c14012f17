//go:build !unix

package disk

func unsyncable(error) bool { return true }
