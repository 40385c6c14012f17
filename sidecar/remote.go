package main

import (
	"errors"
	"fmt"
	"time"

	"aprm/adapters/pooling"
	"aprm/sidecar/engine"
)

// remoteFlags say which PRM of another server scores in place of a checkpoint, and how its steps are marked. What they
// say of step token and column holds for the sidecar's own POST /pooling too.
type remoteFlags struct {
	URL       string        `name:"prm-url" help:"In place of a checkpoint: a server whose PRM scores by POST /pooling, as vLLM serves Qwen2.5-Math-PRM (http://HOST:PORT). Built from vLLM's documented shape, not tried against a vLLM." placeholder:"URL" env:"SIDECAR_PRM_URL"`
	Model     string        `name:"prm-model" help:"Its model, as that server calls it." placeholder:"NAME"`
	System    string        `name:"prm-system" help:"System message that it reads before the question; none by default." placeholder:"TEXT"`
	StepToken string        `name:"prm-step-token" help:"What stands behind each step, there and at POST /pooling here: <extra_0> for Qwen2.5-Math-PRM, ки for Math-Shepherd." default:"<extra_0>"`
	Column    int           `name:"prm-column" help:"Place of the probability that a step is good in a row of scores, there and at POST /pooling here: 1 for Qwen2.5-Math-PRM, 0 for Math-Shepherd." default:"1"`
	Format    string        `name:"prm-format" help:"How a solution is sent: messages (Qwen2.5-Math-PRM), or shepherd (one text: QUESTION Step 1: … ки)." enum:"messages,shepherd" default:"messages"`
	Key       string        `name:"prm-key" help:"Bearer token for that server." env:"SIDECAR_PRM_KEY" placeholder:"KEY"`
	Timeout   time.Duration `name:"prm-timeout" help:"Longest time for the scores of one solution." default:"1m"`
}

// open returns the PRM that the flags name, nil when they name none. checkpoint is the one that a flag named, which it
// would take the place of.
func (f remoteFlags) open(checkpoint checkpointFile) (engine.Remote, error) {
	switch {
	case f.URL == "" && f.Model != "":
		return nil, badInput{errors.New("--prm-model is the model at --prm-url, which is missing")}
	case f.URL == "":
		return nil, nil
	case checkpoint != "":
		return nil, badInput{errors.New("--checkpoint and --prm-url both name a PRM: choose one")}
	case f.Model == "":
		return nil, badInput{fmt.Errorf("--prm-model is missing: the name of the PRM at %s", f.URL)}
	}
	client, err := given(pooling.New(pooling.Config{URL: f.URL, Model: f.Model, System: f.System, StepToken: f.StepToken, Column: f.Column,
		Format: pooling.Format(f.Format), Key: f.Key, Timeout: f.Timeout}))
	if err != nil {
		return nil, err // and no interface that holds a nil pointer
	}
	return client, nil
}
