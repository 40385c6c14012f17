package scope

import (
	"regexp"
	"strings"
)

// A wrapper is a prompt that a program makes around somebody's text: it quotes a conversation, has sections with
// labels, or ends where an answer of a certain form is to begin. A search would answer the text in it in place of what
// is asked about it. These are marks of form, whatever the wrapper is for; people who ask a question write none of
// them.
var (
	// speaker begins a line of a transcript.
	speaker = regexp.MustCompile(`(?im)^[\s*>#\-\[("|]*<?\|?(user|human|ai|assistant|bot|chatbot|system|customer|agent|interviewer|student|teacher|tutor|person [ab12]|speaker [ab12]|q|a)\|?>?\s*(\d+\s*)?[*\])"]*\s*[:>]`)
	// heading is a title of Markdown's with a word that tells a task from a text; one with a number is an exercise's.
	heading = regexp.MustCompile(`(?im)^\s*(#{1,6}\s*|\*\*\s*)\W*(task|instructions?|guidelines?|rules|context|chat history|history|conversation|output|input|response|examples?|query|user query|question|your (task|answer|response)|document|format|requirements|goal|role|objective|constraints|steps|notes?|text|message)\b[^\d\n]*$`)
	// label begins a section; one that is the text's last line waits for what is to follow it.
	label = regexp.MustCompile(`(?im)^[\s*>\-]*(question|query|answer|final answer|helpful answer|context|chat history|history|conversation( so far)?|dialogue|transcript|current summary|new lines( of conversation)?|new summary|summary|` +
		`reference( answer)?|gold( answer)?|ground truth|submission|student('s)? (answer|solution)|candidate( answer)?|prediction|model (answer|output)|follow[- ]?up( input| question)?|standalone question|rephrased( question)?|thought|action|action input|observation|` +
		`input|output|response|task|instructions?|examples?|document|documents|passage|text|title|topic|category|label|tags?|keywords|language|sentiment|intent|verdict|score|feedback|criteria|rubric|tools?|available tools|` +
		`constraints|format|json|sql|code|translation|user input|user message|message|premise|hypothesis|source|target|search quer(y|ies)|sub-?questions?|plan)[*\s]*\d*[*\s]*:`)
	awaits = regexp.MustCompile(`(?m)^\s*[*_#>\s]*[A-Za-z][\w '()/-]{0,48}[*_\s]*:\s*[*_]*\s*$`)
	// element is a closing tag, a template's braces, or a chat template's mark.
	element = regexp.MustCompile(`</[A-Za-z_][\w-]*>|\{\{|\}\}|<\|[a-z_]+\|>|\[/?INST\]|<<SYS>>`)
	// data is a record of JSON's, or a change to a file.
	data = regexp.MustCompile(`(?m)^\s*[\[{]\s*\{?\s*"[^"\n]*"\s*:|"(role|content|question|answer)"\s*:|^diff --git |^@@ -\d|^(\+\+\+|---) [ab]/`)
	// choice is an answer to be chosen.
	choice = regexp.MustCompile(`(?m)^\s*\(?([A-Ea-e])[).:]\s*\S`)
	// about speaks of the text as of something else's: it is what has to be done with it.
	about = regexp.MustCompile(`(?i)\b(chat history|(which|what) (agent|tool|category|department|team|intent|route|expert|function|label|topic)\b|(the|following|above|previous|entire) (conversation|chat|exchange|dialogue|dialog|transcript|discussion|message|text|passage|paragraph|question|query|prompt|problem|statement|sentence|user('s)? (query|question|message|input|prompt))s?\s+(below|above|into|to|as|in|for|is|and|so|with)\b|` +
		`(for|of|about|summari[sz]\w+|given|title|describ\w+|categori[sz]e|classif\w+|rate|grade|translat\w+|rephrase|rewrite|paraphrase|simplif\w+|proofread|analy[sz]e|correct|evaluate) (this|the|my|following|above|the following|the above|the user's|user's) (conversation|chat|exchange|dialogue|discussion|message|text|passage|paragraph|question|query|prompt|problem|statement|sentence|request|input|response|answer|solution|thread)\b|` +
		`follow[- ]?up (question|questions|quer\w+|prompts?)|standalone question|search quer(y|ies)|sub-?questions?|(retrieved|following|given|provided|above|below) (pieces of )?(context|documents?|passages?|excerpts?|snippets?|information)\b|` +
		`session name|chat title|short title|concise title|(word|words) title|title (for|of|that|in|with)|git commit|commit message|(the|a) (user|assistant)('s)? (asked|said|message|question|query|answer|answered|wants|intent)|` +
		`(respond|reply|answer|return|output|say|print|choose|pick|select)( only| just| exactly)*( with| in| as| using)?( only| just| exactly)* (one of|one word|a single word|one letter|the letter|a letter|citations|sources|references|the [\w']+ name|yes or no|true or false|correct or incorrect|pass or fail|json|valid json|xml|yaml|a number from|a score|the (title|category|label|name|topic|tags?|language|question|quer(y|ies)|corrected|rewritten|translation|translated))|` +
		`(is|are) (the|this|that|my) (submission|student's|student|candidate|answer|solution|response|reasoning) (\w+ )?(correct|right|wrong|valid)|(grade|score|rate|mark) (the|this|my|each|it)\b|you (are|will be) (grading|given|provided|shown)|you have access to|use the (following|tools?))`)
)

// wrapped tells by which mark a user's message is a wrapper, "" by none.
func wrapped(text string) string {
	switch {
	case heading.MatchString(text):
		return "a client's own task"
	case speakers(text):
		return "a transcript"
	case element.MatchString(text):
		return "markup"
	case data.MatchString(text):
		return "data"
	}
	if lines := strings.TrimRight(text, " \n\t"); awaits.MatchString(lines[strings.LastIndexByte(lines, '\n')+1:]) && strings.Contains(lines, "\n") {
		return "a text to complete"
	}
	if len(label.FindAllString(text, 2)) > 1 {
		return "sections"
	}
	if choices := choice.FindAllStringSubmatch(text, 5); len(choices) > 2 && strings.EqualFold(choices[0][1], "a") {
		return "multiple choice"
	}
	if about.MatchString(text) {
		return "a task about a text"
	}
	return ""
}

// quotation is a text in quotation marks; those behind figures are inches.
var quotation = regexp.MustCompile(`(?:^|[\s(:])["“]([^"“”]{60,})["”](?:$|[\s).,;:?!])`)

// quotes reports whether the best part of a text is quoted.
func quotes(text string) bool {
	found := quotation.FindStringSubmatch(text)
	return found != nil && 5*len(found[1]) > 2*len(text)
}

// speakers reports whether a text quotes who said what: two turns, or one of a speaker that no problem has.
func speakers(text string) bool {
	turns := speaker.FindAllStringSubmatch(text, 2)
	if len(turns) == 1 {
		switch strings.ToLower(turns[0][1]) {
		case "user", "human", "ai", "assistant", "bot", "chatbot", "system":
			return true
		}
	}
	return len(turns) > 1
}

// ordered tells what a system message has the model do that is no answering of questions, "" if nothing.
func ordered(system string) string {
	switch {
	case heading.MatchString(system):
		return "a client's own task"
	case element.MatchString(system):
		return "markup"
	case duty.MatchString(system):
		return "a system prompt of its own"
	}
	return ""
}

// duty is what a system message makes of the model other than somebody who answers.
var duty = regexp.MustCompile(`(?i)\b(you (only )?(route|classify|categori[sz]e|label|summari[sz]e|grade|judge|moderate|rewrite|rephrase|translate|extract|generate|write|create|name|tag|score|evaluate|rate|correct|convert|detect|decide|plan|select|choose|check)\b|` +
	`(router|classifier|moderator|grader|judge|evaluator|reviewer|summari[sz]er|translator|editor|planner|dispatcher|orchestrator|voice assistant|smart home|home assistant|copywriter|title generator)\b|` +
	`(reply|respond|answer|output|return)( only| just)*( with| in| as)?( only| just| exactly)* (one (of|word)|a single|json|yes or no|safe or unsafe)|do not (answer|solve)|don't (answer|solve)|never (answer|solve)|` +
	`(short|concise|brief) title|title (for|of)|the (user's|conversation|chat|query)|user('s)? (message|query|question|request) (as|into|is|belongs|should)|tools?:|you have access to|thought:|observation:|commit messages?|(retrieved|provided|following|given) ((pieces|chunks|parts) of )?(\w+ )?(context|documents?|passages?|sources?|information|data)|context:|given (the|a) (request|message|quer(y|ies)|question|input|user|chat|conversation)|(supervisor|coordinator|manager) of|you are an? (\w+ ){0,3}\w*(detector|classifier|generator|extractor|tagger|parser|scorer|rater|checker|assessor|analy[sz]er|optimi[sz]er|rewriter|formatter|filter|engineer|namer)\b)`)
