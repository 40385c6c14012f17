package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"aprm/sidecar/decode"
	"aprm/sidecar/server"
)

const openAPIFile = "../configs/openapi.json"

// TestOpenAPI holds configs/openapi.json equal to the routes, scopes and settings that the program has. It is written
// anew by
//
//	go test ./sidecar -run TestOpenAPI -update
func TestOpenAPI(t *testing.T) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(openAPI()); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(openAPIFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	there, err := os.ReadFile(openAPIFile)
	if err != nil || !bytes.Equal(there, b.Bytes()) {
		t.Errorf("configs/openapi.json isn't what the program has any more (%v): go test ./sidecar -run TestOpenAPI -update", err)
	}
}

// object is a JSON object.
type object = map[string]any

func typed(kind string) object { return object{"type": kind} }

func listOf(of any) object { return object{"type": "array", "items": of} }

func reference(name string) object { return object{"$ref": "#/components/schemas/" + name} }

// body is an object with these members, of which some are needed, and null is none of the rest; others are the endpoint's,
// and are passed on.
func body(needed []string, members object) object {
	all := object{}
	for name, schema := range members {
		if all[name] = schema; !slices.Contains(needed, name) {
			all[name] = orNull(schema)
		}
	}
	schema := object{"type": "object", "properties": all}
	if len(needed) > 0 {
		schema["required"] = needed
	}
	return schema
}

func orNull(schema any) object { return object{"anyOf": []any{schema, typed("null")}} }

// bodies are what routes are asked with, beside which there may be more.
func bodies() map[string]object {
	text, truth := typed("string"), typed("boolean")
	some := object{"type": "string", "minLength": 1}
	whole := object{"type": "integer", "minimum": 1}
	// What a message says, as a text or as parts.
	message := body([]string{"role", "content"}, object{"role": object{"type": "string", "enum": []string{"system", "user", "assistant"}}, "content": text})
	messages := object{"type": "array", "items": message, "minItems": 1}
	sampling := func(more object) object {
		all := object{"model": text, "stream": truth, "prm": reference("prm")}
		for name, schema := range more {
			all[name] = schema
		}
		return all
	}
	rates := object{"temperature": object{"type": "number", "minimum": 0, "maximum": 2}, "top_p": object{"type": "number", "minimum": 0, "maximum": 1}, "seed": object{"type": "integer", "minimum": math.MinInt64, "maximum": math.MaxInt64}}
	with := func(more object) object {
		out := sampling(more)
		for name, schema := range rates {
			out[name] = schema
		}
		return out
	}
	return map[string]object{
		"/v1/chat/completions": body([]string{"messages"}, with(object{"messages": messages, "max_tokens": whole})),
		"/v1/completions":      body([]string{"prompt"}, with(object{"prompt": text, "max_tokens": whole})),
		"/v1/responses":        body([]string{"input"}, sampling(object{"input": text, "instructions": text, "max_output_tokens": whole})),
		"/v1/messages":         body([]string{"messages"}, sampling(object{"messages": messages, "max_tokens": whole})),
		"/api/chat":            body(nil, sampling(object{"messages": messages, "options": typed("object")})),
		"/api/generate":        body(nil, sampling(object{"prompt": text, "options": typed("object")})),
		"/api/show":            body([]string{"model"}, object{"model": some}),
		"/api/embed":           body([]string{"model", "input"}, object{"model": some, "input": object{"anyOf": []any{text, listOf(text)}}}),
		"/api/embeddings":      body([]string{"model", "prompt"}, object{"model": some, "prompt": text}),
		"/v1/prm/score":        body([]string{"problem", "steps"}, object{"model": text, "problem": some, "steps": object{"type": "array", "items": text, "minItems": 1}}),
		"/v1/prm/feedback":     body([]string{"id", "right"}, object{"id": some, "right": truth, "answer": some}),
		"/pooling":             body([]string{"model"}, object{"model": some, "messages": messages}),
	}
}

// answers are the media types of what routes answer; of most it is JSON.
var answers = map[string][]string{
	"/v1/chat/completions": {"application/json", "text/event-stream"}, "/v1/completions": {"application/json", "text/event-stream"},
	"/v1/responses": {"application/json", "text/event-stream"}, "/v1/messages": {"application/json", "text/event-stream"},
	"/api/chat": {"application/json", "application/x-ndjson"}, "/api/generate": {"application/json", "application/x-ndjson"},
	"/metrics": {"text/plain"}, "/": {"text/plain", "text/html"}, "/sidecar/:file": {"text/css", "text/javascript", "image/svg+xml", "text/plain"},
}

// openAPI describes the routes in OpenAPI 3.1.
func openAPI() object {
	paths := object{}
	schemas := object{"prm": prmSchema(), "error": object{"type": "object", "required": []string{"error"}, "description": "in the words of the route's dialect"}}
	asked := bodies()
	for _, route := range server.Routes() {
		var parameters []object
		var path []string
		for part := range strings.SplitSeq(route.Path, "/") {
			if strings.HasPrefix(part, ":") || strings.HasPrefix(part, "*") {
				parameters = append(parameters, object{"name": part[1:], "in": "path", "required": true, "schema": object{"type": "string", "minLength": 1}})
				part = "{" + part[1:] + "}"
			}
			path = append(path, part)
		}
		if route.Path == "/v1/prm/traces" {
			parameters = append(parameters, object{"name": "limit", "in": "query", "schema": object{"type": "integer", "minimum": 1}})
		}
		methods := object{}
		for _, method := range route.Methods {
			content, wrong := object{}, object{}
			kinds := answers[route.Path]
			if kinds == nil {
				kinds = []string{"application/json"}
			}
			for _, kind := range kinds {
				wrong[kind] = object{}
				if method != "HEAD" {
					content[kind] = object{}
				}
			}
			wrong["application/json"] = object{"schema": reference("error")}
			what := route.Help
			if route.Translated {
				what += "; before an OpenAI-compatible endpoint"
			}
			operation := object{"summary": what, "operationId": strings.Trim(strings.ToLower(method)+strings.NewReplacer("/", "_", ":", "", "*", "").Replace(route.Path), "_"),
				"responses": object{"200": object{"description": "the answer", "content": content},
					"default": object{"description": "what is wrong, with what to do about it", "content": wrong}}}
			if len(parameters) > 0 {
				operation["parameters"] = parameters
			}
			if schema := asked[route.Path]; schema != nil && method == "POST" {
				operation["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": schema}}}
			}
			if route.Scope != "" {
				operation["security"] = []object{{}, {"key": []string{}}} // none where the sidecar has no keys
				operation["description"] = "Where there are keys it wants one of the scope " + string(route.Scope) + "."
			}
			methods[strings.ToLower(method)] = operation
		}
		paths[strings.Join(path, "/")] = methods
	}
	return object{
		"openapi": "3.1.0",
		"info": object{"title": "sidecar", "version": "1", "description": "Routes of the sidecar; every other path is the endpoint's. Written from the program's own tables. " +
			"A model's name may end in a way of answering: MODEL@vote-8."},
		"servers":    []object{{"url": "http://127.0.0.1:8484"}},
		"paths":      paths,
		"components": object{"schemas": schemas, "securitySchemes": object{"key": object{"type": "http", "scheme": "bearer"}}},
	}
}

// prmSchema is a request's prm object.
func prmSchema() object {
	members := object{}
	for _, f := range server.Fields() {
		members[f.Name] = schemaOf(f.Want, f.Help)
	}
	for _, s := range decode.Settings() {
		members[s.Name] = schemaOf(s.Range, s.Help)
	}
	members["n"].(object)["maximum"] = server.MaxN
	strategy := members["strategy"].(object)
	strategy["anyOf"] = []object{{"enum": strategy["enum"]}, {"pattern": ways()}}
	delete(strategy, "enum")
	for name, schema := range members {
		members[name] = orNull(schema)
	}
	return object{"type": "object", "additionalProperties": false, "properties": members}
}

// schemaOf is what a setting may be.
func schemaOf(span decode.Span, help string) object {
	schema := object{"type": span.Type, "description": strings.TrimSuffix(help, ".") + "; must be " + span.String()}
	switch span.Type {
	case "string":
		schema["enum"] = span.Words
	case "integer", "number":
		least := "minimum"
		if span.Above {
			least = "exclusiveMinimum"
		}
		schema[least] = span.Least
		switch {
		case span.Most > 0:
			schema["maximum"] = span.Most
		case span.Type == "integer":
			schema["maximum"] = math.MaxInt64
		}
	}
	return schema
}

// ways matches what may stand behind the @ of a model's name and names a strategy.
func ways() string {
	of := []string{"raw"}
	for _, d := range decode.Strategies() {
		way := server.Suffix(d.Name)
		if decode.Votes(d.Name) {
			way += "(-programs|-mixed)?"
		}
		if d.Name != decode.Greedy {
			way += fmt.Sprintf("(-[1-9]|-[1-%d][0-9]|-%d[0-%d])?", server.MaxN/10-1, server.MaxN/10, server.MaxN%10)
		}
		of = append(of, way)
	}
	return "^(" + strings.Join(of, "|") + ")$"
}
