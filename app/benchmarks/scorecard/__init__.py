"""The five reasons for a custom model, each measured for a pair (general, custom): supported, refuted or inconclusive."""
