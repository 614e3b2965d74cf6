package discovery

import (
	"math/rand/v2"
	"testing"
)

func TestTheNewestEpochDecidesWhereAPrimaryIs(t *testing.T) {
	none := Answer{}
	for name, test := range map[string]struct {
		known   Answer
		answers []Answer
		want    Answer
	}{
		"nobody answers at first":           {none, []Answer{none, none, none}, none},
		"nobody answers any more":           {Answer{"a", 3}, []Answer{none, none, none}, Answer{"a", 3}},
		"one answers at first":              {none, []Answer{none, {"a", 0}, none}, Answer{"a", 0}},
		"all agree":                         {none, []Answer{{"a", 2}, {"a", 2}, {"a", 2}}, Answer{"a", 2}},
		"one alone knows of a failover":     {Answer{"a", 2}, []Answer{{"a", 2}, {"b", 3}, {"a", 2}}, Answer{"b", 3}},
		"one has missed it":                 {Answer{"b", 3}, []Answer{{"a", 2}, {"b", 3}, {"b", 3}}, Answer{"b", 3}},
		"only the one that missed it":       {Answer{"b", 3}, []Answer{{"a", 2}, none, none}, Answer{"b", 3}},
		"all but one missed it, one silent": {Answer{"b", 3}, []Answer{{"a", 2}, {"a", 2}, none}, Answer{"b", 3}},
		"at first, one has missed it":       {none, []Answer{{"a", 2}, {"b", 3}, none}, Answer{"b", 3}},
		"the same primary, a newer epoch":   {Answer{"a", 2}, []Answer{{"a", 4}, none, none}, Answer{"a", 4}},
		"sentinels that have begun anew":    {Answer{"b", 9}, []Answer{{"a", 0}, {"a", 0}, {"a", 0}}, Answer{"a", 0}},
		"only some of them have":            {Answer{"b", 9}, []Answer{{"a", 0}, {"a", 0}, {"b", 9}}, Answer{"b", 9}},
		"anew, and not of one mind":         {Answer{"b", 9}, []Answer{{"a", 0}, {"a", 0}, {"c", 0}}, Answer{"b", 9}},
		"anew, and at different epochs":     {Answer{"b", 9}, []Answer{{"a", 0}, {"a", 0}, {"a", 1}}, Answer{"b", 9}},
		"an epoch of two minds":             {Answer{"b", 3}, []Answer{{"a", 3}, {"a", 3}, {"b", 3}}, Answer{"b", 3}},
		"nobody says it any more":           {Answer{"b", 3}, []Answer{{"a", 3}, {"c", 3}, {"c", 3}}, Answer{"c", 3}},
		"epoch zero":                        {Answer{"b", 0}, []Answer{{"a", 0}, {"b", 0}, none}, Answer{"b", 0}},
		"epoch zero, another address":       {Answer{"b", 0}, []Answer{{"a", 0}, none, none}, Answer{"a", 0}},
	} {
		if got := next(test.known, test.answers); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestWhateverSentinelsSayAnEpochThatOneOfThemKnowsIsNotLeft(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		known := Answer{string(rune('a' + rng.IntN(3))), uint64(rng.IntN(4))}
		answers := make([]Answer, 1+rng.IntN(5))
		var most uint64
		answering := 0
		for i := range answers {
			if rng.IntN(4) > 0 {
				answers[i] = Answer{string(rune('a' + rng.IntN(3))), uint64(rng.IntN(4))}
				most = max(most, answers[i].Epoch)
				answering++
			}
		}
		got := next(known, answers)
		switch {
		case got.Address == "", got.Epoch > known.Epoch && got.Epoch != most:
			t.Fatalf("known %v, answers %v: %v", known, answers, got)
		case got.Epoch < known.Epoch && (answering < len(answers) || most >= known.Epoch):
			t.Fatalf("known %v, answers %v: back to %v", known, answers, got)
		case answering > 0 && most > known.Epoch && got.Epoch != most:
			t.Fatalf("known %v, answers %v: %v is not followed", known, answers, got)
		}
		if again := next(got, answers); again != got {
			t.Fatalf("known %v, answers %v: %v, then %v", known, answers, got, again)
		}
	}
}
