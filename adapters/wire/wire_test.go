package wire

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"aprm/prm/casetest"
)

// TestCalls: in whatever fragments servers send tool calls, the same two come out.
func TestCalls(t *testing.T) {
	const weather, when = `get_weather {"city":"Oslo"}`, `get_time {"tz":"CET"}`
	for name, test := range map[string]struct {
		chunks []string
		want   string
	}{
		"as OpenAI does": {[]string{
			`[{"index":0,"id":"a","type":"function","function":{"name":"get_weather","arguments":""}}]`, `[{"index":0,"function":{"arguments":"{\"city\":"}}]`,
			`[{"index":0,"function":{"arguments":"\"Oslo\"}"}}]`, `[{"index":1,"id":"b","function":{"name":"get_time","arguments":""}}]`, `[{"index":1,"function":{"arguments":"{\"tz\":\"CET\"}"}}]`,
		}, "a " + weather + "\nb " + when},
		"ids and names repeated": {[]string{
			`[{"index":0,"id":"a","function":{"name":"get_weather","arguments":"{\"city\""}}]`, `[{"index":0,"id":"a","function":{"name":"get_weather","arguments":":\"Oslo\"}"}}]`,
			`[{"index":0,"id":"a","function":{"name":"get_weather","arguments":""}}]`, `[{"index":1,"id":"b","function":{"name":"get_time","arguments":"{\"tz\":"}}]`,
			`[{"index":1,"id":"b","function":{"name":"get_time","arguments":"\"CET\"}"}}]`,
		}, "a " + weather + "\nb " + when},
		"no index": {[]string{`[{"id":"a","function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}}]`, `[{"id":"b","function":{"name":"get_time","arguments":"{\"tz\":\"CET\"}"}}]`},
			"a " + weather + "\nb " + when},
		"no index, in pieces": {[]string{`[{"id":"a","function":{"name":"get_weather","arguments":"{\"city\":"}}]`, `[{"function":{"arguments":"\"Oslo\"}"}}]`,
			`[{"id":"b","function":{"name":"get_time","arguments":"{\"tz\":\"CET\"}"}}]`}, "a " + weather + "\nb " + when},
		"all of index 0": {[]string{`[{"index":0,"id":"a","function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}},{"index":0,"id":"b","function":{"name":"get_time","arguments":"{\"tz\":\"CET\"}"}}]`},
			"a " + weather + "\nb " + when},
		"all of index 0, in pieces": {[]string{`[{"index":0,"id":"a","function":{"name":"get_weather","arguments":"{\"city\":"}}]`, `[{"index":0,"function":{"arguments":"\"Oslo\"}"}}]`,
			`[{"index":0,"id":"b","function":{"name":"get_time","arguments":"{\"tz\":"}}]`, `[{"index":0,"function":{"arguments":"\"CET\"}"}}]`}, "a " + weather + "\nb " + when},
		"neither id nor index": {[]string{`[{"function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}}]`, `[{"function":{"name":"get_time","arguments":"{\"tz\":\"CET\"}"}}]`},
			" " + weather + "\n " + when},
		"all of one id": {[]string{`[{"index":0,"id":"x","function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}}]`, `[{"index":1,"id":"x","function":{"name":"get_time","arguments":"{\"tz\":\"CET\"}"}}]`},
			"x " + weather + "\nx " + when},
		"numeric ids": {[]string{`[{"index":0,"id":7,"function":{"name":"get_weather","arguments":"{\"city\":\"Oslo\"}"}}]`, `[{"index":0,"id":8,"function":{"name":"get_time","arguments":"{\"tz\":\"CET\"}"}}]`},
			"7 " + weather + "\n8 " + when},
		"arguments as an object": {[]string{`[{"index":0,"id":"a","function":{"name":"get_weather","arguments":{"city": "Oslo"}}}]`, `[{"index":1,"id":"b","function":{"name":"get_time","arguments":{"tz":"CET"}}}]`},
			"a " + weather + "\nb " + when},
		"interleaved": {[]string{`[{"index":0,"id":"a","function":{"name":"get_weather","arguments":"{\"city\":"}},{"index":1,"id":"b","function":{"name":"get_time","arguments":"{\"tz\":"}}]`,
			`[{"index":1,"function":{"arguments":"\"CET\"}"}},{"index":0,"function":{"arguments":"\"Oslo\"}"}}]`}, "a " + weather + "\nb " + when},
		"the same twice":        {[]string{`[{"index":0,"id":"a","function":{"name":"f","arguments":{"x":1}}}]`, `[{"index":0,"id":"a","function":{"name":"f","arguments":{"x":1}}}]`}, `a f {"x":1}`},
		"without arguments":     {[]string{`[{"index":0,"id":"a","function":{"name":"now"}}]`}, "a now {}"},
		"a name in pieces":      {[]string{`[{"index":0,"id":"a","function":{"name":"get_"}}]`, `[{"index":0,"function":{"name":"time","arguments":"{}"}}]`}, "a get_time {}"},
		"not in a list":         {[]string{`{"index":0,"id":"a","function":{"name":"now","arguments":"{}"}}`}, "a now {}"},
		"null where nothing is": {[]string{`[{"index":0,"id":"a","function":{"name":"now","arguments":null}}]`, `[{"index":0,"id":null,"function":{"name":null,"arguments":"{}"}}]`}, "a now {}"},
	} {
		var calls Calls
		for _, chunk := range test.chunks {
			reply, err := ParseReply([]byte(`{"choices":[{"delta":{"tool_calls":` + chunk + `}}]}`))
			if err != nil {
				t.Fatal(err)
			}
			calls.Add(reply.Choices[0].Calls)
		}
		whole, err := calls.Whole()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, c := range whole {
			got = append(got, c.ID+" "+c.Function.Name+" "+c.Function.Arguments)
		}
		if text := strings.Join(got, "\n"); text != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, text, test.want)
		}
	}
	var older Calls
	for _, chunk := range []string{`{"name":"get_weather","arguments":""}`, `{"arguments":"{\"city\":"}`, `{"arguments":"\"Oslo\"}"}`} {
		reply, err := ParseReply([]byte(`{"choices":[{"delta":{"function_call":` + chunk + `}}]}`))
		if err != nil {
			t.Fatal(err)
		}
		older.Add(reply.Choices[0].Calls)
	}
	if whole, err := older.Whole(); err != nil || len(whole) != 1 || whole[0].Function != (Function{"get_weather", `{"city":"Oslo"}`}) {
		t.Errorf("a call by its older name: %+v, %v", whole, err)
	}
	var broken Calls
	broken.Add([]Fragment{{Name: "f", Arguments: "{x", Index: -1}})
	if _, err := broken.Whole(); err == nil {
		t.Error("half an object of arguments is taken")
	}
}

// TestReply: text, thoughts and counts, however they are written.
func TestReply(t *testing.T) {
	for body, want := range map[string]ReplyChoice{
		`{"choices":[{"delta":{"content":"hi"}}]}`:                                                                                      {Text: "hi"},
		`{"choices":[{"delta":{"content":null}}]}`:                                                                                      {},
		`{"choices":[{"delta":null,"finish_reason":"stop"}]}`:                                                                           {Finish: "stop"},
		`{"choices":[{"delta":{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}}]}`:                                   {Text: "ab"},
		`{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"b"}]}}]}`: {Text: "b", Thinking: "hm"},
		`{"choices":[{"delta":{"reasoning_content":"hm","reasoning":"hm"}}]}`:                                                           {Thinking: "hm"},
		`{"choices":[{"delta":{"reasoning":"hm"}}]}`:                                                                                    {Thinking: "hm"},
		`{"choices":[{"delta":{"thinking":"hm"}}]}`:                                                                                     {Thinking: "hm"},
		`{"created":1.25,"id":12345,"choices":[{"index":0.0,"message":{"content":"hi"},"finish_reason":"length"}]}`:                     {Text: "hi", Finish: "length"},
		`{"choices":[{"text":"plain","index":"1"}]}`:                                                                                    {Text: "plain", Index: 1},
		`{"choices":[{"delta":{"content":"x"},"stop_reason":"END"}]}`:                                                                   {Text: "x", Stop: "END"},
		`{"choices":[{"delta":{"content":"x"},"stop_reason":151645}]}`:                                                                  {Text: "x"},
		`{"choices":[{"delta":{"content":null,"refusal":"I can't"}}]}`:                                                                  {Text: "I can't"},
		`{"choices":[{"delta":{"content":"x"},"finish_reason":"max_tokens"}],"timings":[1]}`:                                            {Text: "x", Finish: "length"},
		`{"choices":[{"delta":{"content":"x"},"logprobs":{"tokens":[1]}}]}`:                                                             {Text: "x"},
	} {
		got, err := ParseReply([]byte(body))
		if err != nil || len(got.Choices) != 1 {
			t.Errorf("%s: %+v, %v", body, got, err)
			continue
		}
		c := got.Choices[0]
		if c.Text != want.Text || c.Thinking != want.Thinking || c.Finish != want.Finish || c.Index != want.Index || c.Stop != want.Stop {
			t.Errorf("%s: %+v, want %+v", body, c, want)
		}
	}
	for body, want := range map[string]Usage{
		`{"choices":[],"usage":{"prompt_tokens":11.0,"completion_tokens":7.0}}`:   UsageOf(11, 7),
		`{"choices":null,"usage":{"prompt_tokens":"3","completion_tokens":null}}`: UsageOf(3, 0),
	} {
		if got, err := ParseReply([]byte(body)); err != nil || got.Usage == nil || *got.Usage != want {
			t.Errorf("%s: %+v, %v", body, got.Usage, err)
		}
	}
	if got, err := ParseReply([]byte(`{"choices":[],"usage":null}`)); err != nil || got.Usage != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestParseError(t *testing.T) {
	for body, want := range map[string]Error{
		`{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`: {Message: "too long", Type: "invalid_request_error", Param: "messages", Code: "context_length_exceeded"},
		`{"error":{"message":"Loading model","type":"unavailable_error","code":503}}`:                                         {Message: "Loading model", Type: "unavailable_error", Status: 503},
		`{"error":"plain"}`: {Message: "plain"},
		`{"error":{"error":{"message":"within","code":"x"}}}`:                                 {Message: "within", Code: "x"},
		`{"object":"error","message":"old","type":"BadRequestError","code":400,"param":null}`: {Message: "old", Type: "BadRequestError", Status: 400},
		`{"message":"bare"}`:      {Message: "bare"},
		`{"detail":"of FastAPI"}`: {Message: "of FastAPI"},
		`{"detail":[{"loc":["body","n"],"msg":"too many"},{"msg":"bad"}]}`: {Message: "body.n: too many; bad"},
		`{"errors":[{"message":"first","code":"x"},{"message":"second"}]}`: {Message: "first", Code: "x"},
		`{"error":"of TGI","error_type":"validation"}`:                     {Message: "of TGI", Type: "validation"},
		`{"code":1210,"msg":"bare"}`:                                       {Message: "bare"},
		`[{"error":{"message":"Google's","code":429}}]`:                    {Message: "Google's", Status: 429},
		"<html>\n<body>502 Bad Gateway":                                    {Message: "<html> <body>502 Bad Gateway"},
		``:                                                                 {},
	} {
		if got := ParseError([]byte(body)); got != want {
			t.Errorf("%s: %+v, want %+v", body, got, want)
		}
	}
}

// TestStream: what stands around the events is passed over, and how the stream ended is known.
func TestStream(t *testing.T) {
	const hi = `{"choices":[{"delta":{"content":"hi"}}]}`
	for name, test := range map[string]struct {
		stream string
		texts  int
		done   bool
		fault  string
	}{
		"plain":                 {"data: " + hi + "\n\ndata: [DONE]\n\n", 1, true, ""},
		"no space, CRLF":        {"data:" + hi + "\r\n\r\ndata:[DONE]\r\n\r\n", 1, true, ""},
		"comments":              {": OPENROUTER PROCESSING\n\n:\n\n\n\nevent: ping\n\nid: 7\nretry: 100\n\ndata: " + hi + "\n\ndata: [DONE]\n\n", 1, true, ""},
		"a byte order mark":     {"\ufeffdata: " + hi + "\n\ndata: [DONE]\n\n", 1, true, ""},
		"words in lines":        {"data: ping\ndata: " + hi + "\ndata: ping\ndata: [DONE]\n", 1, true, ""},
		"words":                 {"data: ping\n\ndata: " + hi + "\n\ndata: keep-alive\n\nevent: error\ndata: overloaded\n\n", 1, false, "overloaded"},
		"a comment in data":     {"data: : keepalive\n\ndata: " + hi + "\n\ndata: [DONE]\n\n", 1, true, ""},
		"data of several lines": {"data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"hi\"}}]}\n\n", 1, false, ""},
		"no end mark":           {"data: " + hi + "\n\n", 1, false, ""},
		"no last line break":    {"data: " + hi, 1, false, ""},
		"an event of an error":  {"data: " + hi + "\n\nevent: error\ndata: {\"message\":\"boom\"}\n\n", 1, false, "boom"},
		"an error in data":      {"data: {\"error\":{\"message\":\"boom\",\"code\":500}}\n\n", 0, false, "boom"},
		"no events but lines":   {hi + "\n" + hi + "\n", 2, false, ""},
		"a whole answer":        {"{\n \"choices\": [\n  {\"message\": {\"content\": \"hi\"}}\n ]\n}\n", 1, false, ""},
		"half an answer":        {"{\n \"choices\": [", 0, false, "can't be read"},
		"bare words":            {"data: {\"detail\":\"boom\"}\n\n", 0, false, "boom"},
		"bare words, of code":   {"data: {\"code\":500,\"message\":\"boom\"}\n\n", 0, false, "boom"},
		"text that is no JSON":  {"event: error\ndata: boom\n\n", 0, false, "boom"},
	} {
		in := NewStream(strings.NewReader(test.stream))
		texts, fault := 0, ""
		for {
			reply, err := in.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				fault = "can't be read"
				break
			}
			if reply.Fault != nil {
				fault = reply.Fault.Message
				break
			}
			for _, c := range reply.Choices {
				if c.Text == "hi" {
					texts++
				}
			}
		}
		if texts != test.texts || in.Done() != test.done || fault != test.fault {
			t.Errorf("%s: %d texts, done %v, fault %q", name, texts, in.Done(), fault)
		}
	}
	in := NewStream(strings.NewReader("data: {\"choices\": oops\n\n"))
	var malformed *Malformed
	if _, err := in.Next(); !errors.As(err, &malformed) {
		t.Errorf("%v", err)
	}
}

// TestRequest: what is added stands beside the rest, which wins.
func TestRequest(t *testing.T) {
	got, err := json.Marshal(Request{Model: "m", Extra: map[string]json.RawMessage{"model": []byte(`"x"`), "think": []byte("false"), "a": []byte("1")}})
	if want := `{"model":"m","messages":null,"stream":false,"a":1,"think":false}`; err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
}

// FuzzStream: whatever an endpoint sends is read to an end, without a panic and within bounds.
func FuzzStream(f *testing.F) {
	f.Add("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\",\"tool_calls\":[{\"function\":{\"arguments\":{}}}]}}]}\n\ndata: [DONE]\n")
	f.Add("event: error\ndata: {\"detail\":[{\"loc\":[1],\"msg\":\"x\"}]}\n\n")
	f.Add("data: : x\n\ndata: [{\"error\":null}]")
	f.Add("data: {\"choices\":[{\"delta\":{\"content\":[{\"type\":\"thinking\",\"thinking\":[[\"x\"]]}]}}],\"usage\":{\"prompt_tokens\":1e400}}\n\n")
	f.Fuzz(func(t *testing.T, stream string) {
		casetest.Bounded(t, len(stream), 4096, func() {
			in := NewStream(strings.NewReader(stream))
			var calls Calls
			for range len(stream) + 2 {
				reply, err := in.Next()
				if err != nil {
					return
				}
				for _, c := range reply.Choices {
					calls.Add(c.Calls)
				}
				if whole, err := calls.Whole(); err == nil {
					for _, c := range whole {
						if !json.Valid([]byte(c.Function.Arguments)) {
							t.Fatalf("%q: arguments %q", stream, c.Function.Arguments)
						}
					}
				}
			}
			t.Fatalf("%q has no end", stream)
		})
	})
}
