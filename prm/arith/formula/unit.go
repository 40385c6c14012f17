package formula

import (
	"maps"
	"math/big"
	"slices"
	"strconv"
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
		"length": "1 m meter meters metre metres|1/100 cm centimeter centimeters centimetre centimetres|1/1000 mm millimeter millimeters|1/1000000 μm micrometer micrometers micron microns|1/1000000000 nm nanometer nanometers|1000 km kilometer kilometers kilometre kilometres|" +
			"127/5000 inch inches in.|381/1250 ft foot feet|1143/1250 yd yard yards|201168/125 mi mile miles",
		"time":     "1/1000 ms millisecond milliseconds|1 s sec secs second seconds|60 min mins minute minutes|3600 h hr hrs hour hours|86400 day days|604800 week weeks",
		"mass":     "1 g gram grams|1000 kg kilogram kilograms kilo kilos|1/1000 mg|45359237/100000 lb lbs pound pounds|45359237/1600000 oz ounce ounces|1000000 ton tons tonne tonnes",
		"volume":   "1 l liter liters litre litres|1/1000 ml milliliter milliliters|473176473/125000000 gallon gallons|473176473/500000000 quart quarts|473176473/1000000000 pint pints|473176473/2000000000 cup cups",
		"money":    "1 dollar dollars usd buck bucks|1/100 cent cents penny pennies",
		"euro":     "1 euro euros eur",
		"sterling": "1 sterling gbp|1/100 pence",
		"yen":      "1 yen jpy",
		"rupee":    "1 rupee rupees rs inr",
		"yuan":     "1 yuan rmb",
		"calendar": "1 month months|12 year years yr yrs|120 decade decades|1200 century centuries",
		"angle":    "1 ° degree degrees deg",
		"speed":    "1397/3125 mph|5/18 kph kmh kmph",
		"force":    "1 n newton newtons",
		"energy":   "1 j joule joules|1000 kj kilojoule kilojoules",
		"power":    "1 w watt watts|1000 kw kilowatt kilowatts",
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
			n, err := strconv.Atoi(power)
			if err != nil || n == 0 || n > maxUnitPower || n < -maxUnitPower {
				return "", nil, false
			}
			exponent, w = n, base
		}
		switch {
		case len(powers) > 0 && (w == "/" || w == "per" || w == "a" || w == "an" || w == "each" || w == "every"):
			sign = -1
			continue
		}
		switch w {
		case "square", "sq", "sq.":
			next = 2
			continue
		case "cubic", "cu":
			next = 3
			continue
		}
		u, known := units[w]
		if !known {
			return "", nil, false
		}
		exponent *= next * sign
		next = 1
		if u.dimension == "speed" { // miles per hour are a length in a time
			powers["length"] += exponent
			powers["time"] -= exponent
		} else {
			powers[u.dimension] += exponent
		}
		factor := u.size
		if exponent < 0 {
			factor, exponent = new(big.Rat).Inv(factor), -exponent
		}
		for range exponent {
			size.Mul(size, factor)
		}
	}
	var b strings.Builder
	if next > 1 || len(powers) == 0 {
		return "", nil, false
	}
	for _, d := range slices.Sorted(maps.Keys(powers)) {
		if powers[d] != 0 {
			b.WriteString(d)
			b.WriteString(strconv.Itoa(powers[d]))
		}
	}
	return b.String(), size, b.Len() > 0
}

// maxUnitPower is the highest power of a unit that is read.
const maxUnitPower = 12
