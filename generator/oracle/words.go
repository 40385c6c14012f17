package oracle

import (
	"math/big"
	"strings"
)

func set(words string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(words) {
		out[w] = true
	}
	return out
}

var (
	// plain words don't change what a step claims.
	plain = set(`a an the of to in on at by for with and or so then thus hence therefore now finally also that this these those there it its he she
they we you i his her their our your him them is are was were be been being has have had do does did will would can could should may might which who what because since as
if when while where means mean we know find out get gets got total altogether combined all overall equals equal is step let lets let's us calculate result results answer
that'd she'll he'll here just such plus minus times multiplied divided`)
	// turns are the words that turn the meaning of those around them.
	turns = set(`not no never none nothing less fewer more before after without except per only remaining remain remains left younger older least most than each every
another other difference twice half double triple thrice third quarter fourth fifth tenth second last previous again ago later until additional extra
increase decrease increased decreased faster slower taller shorter longer cheaper up down from first next`)
	// measures are stems of units: exchanging one changes a quantity.
	measures = func() map[string]bool {
		out := map[string]bool{}
		for w := range set(`seconds minutes hours days weeks months years decades centuries inches feet foot yards miles mm cm meters metres kilometers km grams kg kilograms
ounces pounds lbs tons cups pints quarts gallons liters litres ml tablespoons teaspoons dollars cents pennies nickels dimes quarters dozens pairs percent degrees mph
monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october november december today yesterday tomorrow
morning afternoon evening night daily weekly monthly yearly annually hourly`) {
			out[stem(w)] = true
		}
		return out
	}()
	// spelled are words that say a number.
	spelled = func() map[string]*big.Rat {
		out := map[string]*big.Rat{"half": big.NewRat(1, 2), "twice": big.NewRat(2, 1), "double": big.NewRat(2, 1), "thrice": big.NewRat(3, 1), "triple": big.NewRat(3, 1),
			"third": big.NewRat(1, 3), "quarter": big.NewRat(1, 4), "dozen": big.NewRat(12, 1)}
		for i, w := range strings.Fields("two three four five six seven eight nine ten eleven twelve") {
			out[w] = big.NewRat(int64(i+2), 1)
		}
		return out
	}()
)
