package main

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"aprm/sidecar/decode"
	"aprm/sidecar/server"
)

const openAPIFile = "../configs/openapi.json"

// TestOpenAPI holds configs/openapi.json equal to the routes, scopes and settings that the program has. It is written anew by
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

// body is an object with these members, of which some are needed; others are the endpoint's, and are passed on.
func body(needed []string, members object) object {
	return object{"type": "object", "required": needed, "properties": members}
}

// bodies are what routes are asked with, beside which there may be more.
func bodies() map[string]object {
	text, truth := typed("string"), typed("boolean")
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
	rates := object{"temperature": object{"type": "number", "minimum": 0, "maximum": 2}, "top_p": object{"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "seed": typed("integer")}
	with := func(more object) object {
		out := sampling(more)
		for name, schema := range rates {
			out[name] = schema
		}
		return out
	}
	return map[string]object{
		"/v1/chat/completions": body([]string{"model", "messages"}, with(object{"messages": messages, "max_tokens": whole})),
		"/v1/completions":      body([]string{"model", "prompt"}, with(object{"prompt": text, "max_tokens": whole})),
		"/v1/responses":        body([]string{"model", "input"}, sampling(object{"input": text, "instructions": text, "max_output_tokens": whole})),
		"/v1/messages":         body([]string{"model", "messages", "max_tokens"}, sampling(object{"messages": messages, "max_tokens": whole})),
		"/api/chat":            body([]string{"model", "messages"}, sampling(object{"messages": messages, "options": typed("object")})),
		"/api/generate":        body([]string{"model", "prompt"}, sampling(object{"prompt": text, "options": typed("object")})),
		"/api/show":            body([]string{"model"}, object{"model": text}),
		"/api/embed":           body([]string{"model", "input"}, object{"model": text, "input": object{"anyOf": []any{text, listOf(text)}}}),
		"/api/embeddings":      body([]string{"model", "prompt"}, object{"model": text, "prompt": text}),
		"/v1/prm/score":        body([]string{"problem", "steps"}, object{"model": text, "problem": text, "steps": listOf(text)}),
		"/v1/prm/feedback":     body([]string{"id", "right"}, object{"id": text, "right": truth, "answer": text}),
		"/pooling":             body([]string{"model"}, object{"model": text, "messages": messages}),
	}
}

// answers are the media types of what routes answer; of most it is JSON.
var answers = map[string][]string{
	"/v1/chat/completions": {"application/json", "text/event-stream"}, "/v1/completions": {"application/json", "text/event-stream"},
	"/v1/responses": {"application/json", "text/event-stream"}, "/v1/messages": {"application/json", "text/event-stream"},
	"/api/chat": {"application/json", "application/x-ndjson"}, "/api/generate": {"application/json", "application/x-ndjson"},
	"/metrics": {"text/plain"}, "/": {"text/plain", "text/html"},
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
			content := object{}
			if method != "HEAD" {
				kinds := answers[route.Path]
				if kinds == nil {
					kinds = []string{"application/json"}
				}
				for _, kind := range kinds {
					content[kind] = object{}
				}
			}
			what := route.Help
			if route.Translated {
				what += "; before an OpenAI-compatible endpoint"
			}
			operation := object{"summary": what, "operationId": strings.Trim(strings.ToLower(method)+strings.NewReplacer("/", "_", ":", "", "*", "").Replace(route.Path), "_"),
				"responses": object{"200": object{"description": "the answer", "content": content},
					"default": object{"description": "what is wrong, with what to do about it", "content": object{"application/json": object{"schema": reference("error")}, "text/event-stream": object{}}}}}
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
		kind := "boolean"
		switch {
		case strings.HasPrefix(f.Want, "one of"):
			kind = "string"
		case strings.HasPrefix(f.Want, "a whole number"):
			kind = "integer"
		}
		members[f.Name] = object{"type": kind, "description": f.Help + "; must be " + f.Want}
	}
	for _, s := range decode.Settings() {
		kind := map[reflect.Kind]string{reflect.Int: "integer", reflect.Float64: "number", reflect.Bool: "boolean"}[reflect.TypeOf(s.Value(decode.Options{})).Kind()]
		if kind == "" {
			kind = "string"
		}
		members[s.Name] = object{"type": kind, "description": s.Help + "; must be " + s.Range}
	}
	return object{"type": "object", "additionalProperties": false, "properties": members}
}
