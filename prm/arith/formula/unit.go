package formula

import (
	"math/big"
	"strings"
)

// unit is a multiple of its dimension's base.
type unit struct {
	dimension string
	size      *big.Rat
}

// units by their names, in lower case. Sizes are exact.
var units = func() map[string]unit {
	out := map[string]unit{}
	for dimension, lines := range map[string]string{
		"length": "1 m meter meters metre metres|1/100 cm centimeter centimeters centimetre centimetres|1/1000 mm millimeter millimeters|1000 km kilometer kilometers kilometre kilometres|" +
			"127/5000 inch inches in.|381/1250 ft foot feet|1143/1250 yd yard yards|201168/125 mi mile miles",
		"time":   "1 s sec secs second seconds|60 min mins minute minutes|3600 h hr hrs hour hours|86400 day days|604800 week weeks",
		"mass":   "1 g gram grams|1000 kg kilogram kilograms|1/1000 mg|45359237/100000 lb lbs pound pounds|45359237/1600000 oz ounce ounces|1000000 ton tons tonne tonnes",
		"volume": "1 l liter liters litre litres|1/1000 ml milliliter milliliters|473176473/125000000 gallon gallons|473176473/500000000 quart quarts|473176473/1000000000 pint pints|473176473/2000000000 cup cups",
		"money":  "1 dollar dollars usd|1/100 cent cents penny pennies",
		"angle":  "1 ° degree degrees deg",
		"count":  "12 dozen dozens|2 pair pairs",
	} {
		for line := range strings.SplitSeq(lines, "|") {
			fields := strings.Fields(line)
			size, _ := new(big.Rat).SetString(fields[0])
			for _, name := range fields[1:] {
				out[name] = unit{dimension, size}
			}
		}
	}
	return out
}()

// measure reads a unit's name: products of powers of units, "km / h", "miles per hour", "square feet", "cm^2". ok is false for
// words that no unit is among; then nothing is known of them.
func measure(name string) (dimension string, size *big.Rat, ok bool) {
	powers := map[string]int{}
	size = big.NewRat(1, 1)
	sign, next := 1, 1
	for _, w := range strings.Fields(strings.ReplaceAll(name, "/", " / ")) {
		exponent := 1
		if base, power, has := strings.Cut(w, "^"); has {
			switch power {
			case "2":
				exponent = 2
			case "3":
				exponent = 3
			default:
				return "", nil, false
			}
			w = base
		}
		switch w {
		case "/", "per", "each":
			sign = -1
			continue
		case "square", "sq", "sq.":
			next = 2
			continue
		case "cubic", "cu":
			next = 3
			continue
		case "of", "a", "an":
			continue
		}
		u, known := units[w]
		if !known {
			return "", nil, false
		}
		exponent *= next * sign
		next = 1
		powers[u.dimension] += exponent
		factor := u.size
		if exponent < 0 {
			factor, exponent = new(big.Rat).Inv(factor), -exponent
		}
		for range exponent {
			size.Mul(size, factor)
		}
	}
	var b strings.Builder
	for _, d := range []string{"length", "time", "mass", "volume", "money", "angle", "count"} {
		if powers[d] != 0 {
			b.WriteString(d)
			b.WriteString(big.NewInt(int64(powers[d])).String())
		}
	}
	return b.String(), size, b.Len() > 0
}
