// The official openai-go client before a running sidecar: chat completions and responses, searched and raw, whole and
// streamed. Of version 1.12, which reads the blank line behind a comment of a stream as an event.
//
//	go run . SIDECAR_URL [MODEL]
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/openai/openai-go"
	"github.com/openai/openai-go/option"
	"github.com/openai/openai-go/responses"
)

const question = "Tom has 3 boxes with 4 pens in each. Then Tom finds 5 pens. How many pens does Tom have now?"

var tokens = int64(120) // of an answer, at most

func main() {
	model := "builtin"
	if len(os.Args) > 2 && os.Args[2] != "" {
		model = os.Args[2]
	}
	if n, err := strconv.ParseInt(os.Getenv("SIDECAR_TEST_TOKENS"), 10, 64); err == nil {
		tokens = n
	}
	client := openai.NewClient(option.WithBaseURL(os.Args[1]+"/v1"), option.WithAPIKey("none"), option.WithMaxRetries(0))
	for _, way := range []string{"@majority-2", "@raw"} {
		for what, ask := range map[string]func(context.Context, *openai.Client, string) (string, error){
			"chat": chat, "chat, streamed": chatStream, "responses": respond, "responses, streamed": respondStream,
		} {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
			text, err := ask(ctx, &client, model+way)
			cancel()
			if err != nil || text == "" {
				fmt.Fprintf(os.Stderr, "%s, %s: %q, %v\n", model+way, what, text, err)
				os.Exit(1)
			}
		}
	}
	fmt.Println("openai-go 1.12.0 before", os.Args[1], "with", model, "ok")
}

func chatOf(model string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{Model: model, MaxTokens: openai.Int(tokens), Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(question)}}
}

func chat(ctx context.Context, client *openai.Client, model string) (string, error) {
	answer, err := client.Chat.Completions.New(ctx, chatOf(model))
	if err != nil {
		return "", err
	}
	return answer.Choices[0].Message.Content, nil
}

func chatStream(ctx context.Context, client *openai.Client, model string) (text string, err error) {
	stream := client.Chat.Completions.NewStreaming(ctx, chatOf(model))
	for stream.Next() {
		for _, choice := range stream.Current().Choices {
			text += choice.Delta.Content
		}
	}
	return text, stream.Err()
}

func responseOf(model string) responses.ResponseNewParams {
	return responses.ResponseNewParams{Model: model, MaxOutputTokens: openai.Int(tokens), Input: responses.ResponseNewParamsInputUnion{OfString: openai.String(question)}}
}

func respond(ctx context.Context, client *openai.Client, model string) (string, error) {
	answer, err := client.Responses.New(ctx, responseOf(model))
	if err != nil {
		return "", err
	}
	return answer.OutputText(), nil
}

func respondStream(ctx context.Context, client *openai.Client, model string) (text string, err error) {
	stream := client.Responses.NewStreaming(ctx, responseOf(model))
	for stream.Next() {
		if event := stream.Current(); event.Type == "response.output_text.delta" {
			text += event.AsResponseOutputTextDelta().Delta
		}
	}
	return text, stream.Err()
}
