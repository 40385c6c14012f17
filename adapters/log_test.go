package adapters

import (
	"log/slog"
	"reflect"
	"testing"
)

// TestLogShowsEveryCapability: a capability that is added must be shown too, and each under a value that changes with
// it.
func TestLogShowsEveryCapability(t *testing.T) {
	shown := func(c Capabilities) string { return c.LogValue().Resolve().String() }
	nothing := shown(Capabilities{})
	set := func(path string, field reflect.Value, whole *Capabilities) {
		t.Helper()
		switch field.Kind() {
		case reflect.Bool:
			field.SetBool(true)
		case reflect.Int:
			field.SetInt(896)
		case reflect.String:
			field.SetString("something")
		default:
			t.Fatalf("%s is of a kind that this test doesn't know", path)
		}
		if shown(*whole) == nothing {
			t.Errorf("%s isn't shown", path)
		}
		field.SetZero()
	}
	var c Capabilities
	v := reflect.ValueOf(&c).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		if v.Field(i).Kind() != reflect.Struct {
			set(name, v.Field(i), &c)
			continue
		}
		for j := range v.Field(i).NumField() {
			set(name+"."+v.Field(i).Type().Field(j).Name, v.Field(i).Field(j), &c)
		}
	}
	if _, ok := any(c).(slog.LogValuer); !ok {
		t.Error("a logger would not ask it")
	}
}
