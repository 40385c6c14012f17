package server

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestProfilesAreBounded: nobody has the process profiled for as long as they like, however they say so.
func TestProfilesAreBounded(t *testing.T) {
	admin := build(t, Config{}, &reasoner{}).Admin()
	get := func(path, kind string, body []byte) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, bytes.NewReader(body))
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, r)
		return w
	}
	for _, seconds := range []string{"301", "1e9", "-1", "0", "NaN", "Inf", "long"} {
		for _, profile := range []string{"profile", "trace", "heap"} {
			if w := get("/debug/pprof/"+profile+"?seconds="+seconds, "", nil); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "at most 300") {
				t.Errorf("%s for %s seconds: %d %s", profile, seconds, w.Code, w.Body)
			}
		}
	}
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	if err := w.WriteField("seconds", "1e9"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if w := get("/debug/pprof/trace", w.FormDataContentType(), form.Bytes()); w.Code != http.StatusBadRequest {
		t.Errorf("in a form: %d", w.Code)
	}
	if w := get("/debug/pprof/trace?seconds=0.01", "", nil); w.Code != http.StatusOK {
		t.Errorf("a short one: %d %s", w.Code, w.Body)
	}
}
