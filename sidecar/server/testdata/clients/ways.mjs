// What both JavaScript clients ask, and in which ways: the suffix of the model's name, and the strategy that it stands for. Without a PRM
// the sidecar offers those that need none.
export const question = "Tom has 3 boxes with 4 pens in each. Then Tom finds 5 pens. How many pens does Tom have now?";
export const tokens = Number(process.env.SIDECAR_TEST_TOKENS) || 120; // of an answer, at most
export const messages = [{ role: "user", content: question }];

export function waysOf(model, offered) {
  const plain = { raw: "raw", "majority-2": "majority", auto: "auto" };
  if (!offered.includes(model + "@guided")) return plain;
  return {
    ...plain,
    "vote-2": "weighted_vote",
    "best-of-2": "best_of_n",
    "guided-2": "guided",
    "beam-4": "beam",
    "dvts-4": "dvts",
    "particle-2": "particle",
    "rebase-2": "rebase",
  };
}
