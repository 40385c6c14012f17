package scope

import (
	"fmt"
	"strings"
	"testing"

	"aprm/adapters"
)

const (
	pencils = "Tom has 3 boxes with 12 pencils in each. Then Tom finds 5 pencils. How many pencils does Tom have now?"
	solved  = "The boxes hold 3 * 12 = 36 pencils. Tom has 36 + 5 = 41 pencils.\n#### 41"
)

// wrappers are prompts that chat pages, frameworks and agents make around a problem, which Q and A stand for; a system
// prompt stands before |||.
var wrappers = []string{
	// titles, tags, summaries of chat pages
	"Provide a concise, five-word-or-less title for the conversation, using title case. Only return the title itself.\n\nConversation:\nUser: Q\nAI: A",
	"Write a short title for the conversation.|||User: Q\nAI: A\n\nTitle:",
	"Given the following text, reply with a title of three or four words for the chat:\n\nQ",
	"Generate a concise title for this chat. Q",
	"Please come up with a name for this conversation: Q",
	"Summarize the message below in at most 6 words.\n\nQ",
	"Name this chat session in three words or fewer.\n---\nQ\n---",
	"You generate short titles.|||Q",
	"Here is the first message of a chat:\n\"Q\"\nWhat would be a good title for it? Output the title only.",
	"Create 1-3 broad tags categorizing the main themes of the chat history, as JSON: {\"tags\": []}\n\nUSER: Q\nASSISTANT: A",
	"### Task:\nSuggest 3-5 relevant follow-up questions.\n### Chat History:\n<chat_history>\nUSER: Q\nASSISTANT: A\n</chat_history>",
	"\n### Task:\nGenerate a concise title.\n### Chat History:\nQ",
	"## Instructions\nDecide whether a web search is needed.\n## Query\nQ",
	"**Task**: analyze the chat and reply with search queries.\n\nQ",
	"You summarise conversations into a title of at most ten words. Do not answer questions in it.|||[{\"role\":\"user\",\"content\":\"Q\"}]",
	"<conversation>\nQ\n</conversation>\nWhat is this conversation about?",
	"Progressively summarize the lines of conversation provided.\n\nCurrent summary:\nnone\n\nNew lines:\nHuman: Q\nAI: A\n\nNew summary:",
	"Extract long-term memories about the user from: Q",
	"The user asked: \"Q\". Was the answer helpful? Reply yes or no.",
	"Suggest 3 follow-up questions a user might ask after this exchange:\nUser: Q\nAssistant: A",
	// retrieval
	"Given the conversation below and a follow-up question, rephrase the follow-up to be a standalone question.\n\nChat history:\nHuman: Q\nAssistant: 41\nFollow-up input: And after he gives away 10?\nStandalone question:",
	"Use the following pieces of context to answer the question at the end.\n\nInvoice 2041: 3 boxes of 12 pencils, 5 loose pencils.\n\nQuestion: How many pencils were delivered?\nHelpful answer:",
	"Context information is below.\n---------------------\nTom has 3 boxes of 12 pencils.\n---------------------\nGiven the context information and not prior knowledge, answer the query.\nQuery: How many pencils has Tom in his 3 boxes?\nAnswer:",
	"Answer from the provided context only.\n<context>The box holds 12 pencils, Tom has 3 boxes.</context>\nHow many pencils does Tom have?",
	"### Task:\nRespond to the user query using the provided context.\n<context>The box holds 12.</context>|||Q",
	"Generate 3 search queries, one on each line, for the question: Q",
	"Write a passage that would answer the question.\nQuestion: Q\nPassage:",
	"Break the following question into sub-questions: Q",
	"Given the retrieved documents, is the question answerable?\nDocument: Tom has 3 boxes with 12 pencils.\nQuestion: Q",
	"Question: Q\nDocuments:\n[1] Boxes hold 12 pencils.\n[2] Tom found 5.\nAnswer with citations.",
	// agents and tools
	"Answer the question as best you can. You have access to these tools: calculator. Use the format:\nThought: ...\nAction: ...\nAction Input: ...\nObservation: ...\nFinal Answer: ...\n\nQuestion: Q\nThought:",
	"You have access to the following tools: calculator, search.|||Q",
	"Decide which agent handles this request. Agents: math, billing. Request: Q Answer with the agent's name.",
	"You route questions. Reply with one of: math, code, chat.|||Q",
	"Plan the steps needed, as a numbered list, do not execute them.\nTask: Q\nPlan:",
	"Objective: Q\nPrevious steps: none\nWhat is the next step? Respond in JSON.",
	"You are a voice assistant for Home Assistant. Devices: light.kitchen is on.|||Turn on 3 lights in the kitchen and 2 in the hall, how many lights are on then?",
	"{\"task\": \"solve\", \"question\": \"Q\"}",
	"[INST] Q [/INST]",
	"<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n",
	"{{#system~}} help {{~/system}} Q",
	// judges, graders, classifiers
	"You are grading an answer. Question: Q\nReference: 41\nSubmission: A\nIs the submission correct? Reply with CORRECT or INCORRECT.",
	"Question: Q\nStudent answer: 41\nGrade it from 0 to 10.",
	"[Question]\nQ\n\n[The Start of Assistant A's Answer]\nA\n[The End of Assistant A's Answer]\n\nRate the answer on a scale of 1 to 10.",
	"Classify the user's message as SAFE or UNSAFE. Output one word.|||Q",
	"Is the following text a question about mathematics? Answer yes or no.\n\nQ",
	"What is the language of this text? Q",
	"Rate the difficulty of this problem from 1 to 5: Q",
	"Premise: Q\nHypothesis: Tom has 41 pencils.\nLabel:",
	// evaluation harnesses
	"Question: Ann has 2 apples and buys 3. How many apples has she?\nAnswer: 5\n\nQuestion: Q\nAnswer:",
	"Q: Ann has 2 apples and buys 3. How many apples has she?\nA: 5\n\nQ: Q\nA:",
	"Q\nA) 41\nB) 36\nC) 17\nD) 20\nAnswer with the letter only.",
	"Q\nA. 41\nB. 36\nC. 17\nD. 20",
	"Q\n(A) 41\n(B) 36\n(C) 17",
	// rewriting and translating
	"Translate to German: Q",
	"Paraphrase the following problem without changing its numbers: Q",
	"Rewrite this question so that a six-year-old understands it: Q",
	"Correct the grammar of the following text: Q",
	"You write one-line git commit messages.|||diff --git a/x b/x\n- n = 3 * 12\n+ n = 3 * 12 + 5\nHow many changes are there in total?",
	"Always answer as JSON with keys reasoning and answer.|||Q",
	"Q Respond in JSON.",
	"Problem: Q\nPython code:",
}

// TestWrappers: of prompts that clients make none is searched, though the problem in them would be.
func TestWrappers(t *testing.T) {
	if why := Out(asked(pencils)); why != "" {
		t.Fatalf("the problem itself: %s", why)
	}
	if len(wrappers) < 60 {
		t.Errorf("%d wrappers", len(wrappers))
	}
	fill := strings.NewReplacer("Q:", "Q:", "\nA:", "\nA:", "Q", pencils, "A\n", solved+"\n")
	searched := 0
	for _, w := range wrappers {
		var messages []adapters.Message
		system, user, has := strings.Cut(w, "|||")
		if !has {
			system, user = "", w
		}
		if strings.HasSuffix(user, " A") {
			user = strings.TrimSuffix(user, "A") + solved
		}
		if user = fill.Replace(user); system != "" {
			messages = append(messages, adapters.Message{Role: adapters.System, Content: system})
		}
		messages = append(messages, adapters.Message{Role: adapters.User, Content: user})
		if Out(messages) == "" {
			searched++
			t.Errorf("searched: %s", fmt.Sprintf("%.300s", w))
		}
	}
	t.Logf("%d of %d wrappers would be searched", searched, len(wrappers))
}

// TestInScopeThroughInstructions: what people say around a problem, and system prompts that ask for nothing else than
// an answer, keep no problem out.
func TestInScopeThroughInstructions(t *testing.T) {
	for _, text := range []string{
		pencils, "Please help: " + pencils, pencils + " Show your work.", pencils + "\nLet's think step by step.", "Solve this problem step by step. " + pencils,
		"Q: " + pencils, "Problem: " + pencils, pencils + " Explain each step.", "Can you solve this?\n\n" + pencils, pencils + "\nPut your final answer within \\boxed{}.",
		pencils + "\nEnd with #### and the number.",
	} {
		if why := Out(asked(text)); why != "" {
			t.Errorf("%q: %s", text, why)
		}
	}
	for _, system := range []string{"You are a helpful assistant.", "You are a helpful math tutor. Think step by step.", "Be brief.", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
		"Solve in short steps, one per line. The last line is #### and the number.", "Please reason step by step, and put your final answer within \\boxed{}.", "User info: name Ann. Current date: 2026-11-27."} {
		if why := Out(append([]adapters.Message{{Role: adapters.System, Content: system}}, asked(pencils)...)); why != "" {
			t.Errorf("system %q: %s", system, why)
		}
	}
}
