package adapters

import "log/slog"

// LogValue implements slog.LogValuer: a log shows every capability by its name.
func (c Capabilities) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("model", c.Model),
		slog.String("weights", c.Weights),
		slog.String("server", c.Server),
		slog.Bool("streaming", c.Streaming),
		slog.Bool("n", c.N),
		slog.Bool("stop", c.Stop),
		slog.Bool("stop_reason", c.StopReason),
		slog.Bool("seed", c.Seed),
		slog.Bool("logprobs", c.LogProbs),
		slog.Bool("top_logprobs", c.TopLogProbs),
		slog.Bool("tools", c.Tools),
		slog.Bool("compact", c.Compact),
		slog.Bool("thinks", c.Thinks),
		slog.String("prefill", string(c.Prefill)),
		slog.Group("hidden",
			slog.String("kind", string(c.Hidden.Kind)),
			slog.Int("width", c.Hidden.Width),
			slog.Bool("normalised", c.Hidden.Normalised)))
}
