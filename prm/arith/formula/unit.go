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
		"time":       "1/1000 ms millisecond milliseconds|1 s sec secs second seconds|60 min mins minute minutes|3600 h hr hrs hour hours|86400 day days|604800 week weeks",
		"mass":       "1 g gram grams|1000 kg kilogram kilograms kilo kilos|1/1000 mg|45359237/100000 lb lbs pound pounds|45359237/1600000 oz ounce ounces|1000000 ton tons tonne tonnes",
		"celsius":    "1 °c celsius",
		"fahrenheit": "1 °f fahrenheit",
		"resistance": "1 Omega Ω ohm ohms",
		"volume":     "1 l L liter liters litre litres|1/1000 ml milliliter milliliters|473176473/125000000 gallon gallons|473176473/500000000 quart quarts|473176473/1000000000 pint pints|473176473/2000000000 cup cups",
		"money":      "1 dollar dollars usd buck bucks|1/100 cent cents penny pennies",
		"euro":       "1 euro euros eur",
		"sterling":   "1 sterling gbp|1/100 pence",
		"yen":        "1 yen jpy",
		"rupee":      "1 rupee rupees rs inr",
		"yuan":       "1 yuan rmb",
		"calendar":   "1 month months|12 year years yr yrs|120 decade decades|1200 century centuries",
		"angle":      "1 ° degree degrees deg",
		"speed":      "1397/3125 mph|5/18 kph kmh kmph",
		"force":      "1 n newton newtons",
		"energy":     "1 j joule joules|1000 kj kilojoule kilojoules",
		"power":      "1 w watt watts|1000 kw kilowatt kilowatts",
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

// Unit reports whether a word in lower case is the name of a unit of measure.
func Unit(word string) bool { return units[word].size != nil }

// temperature are the names of degrees that are no angles.
var temperature = strings.NewReplacer("degrees celsius", "celsius", "degree celsius", "celsius", "degrees c", "celsius", "degrees fahrenheit", "fahrenheit", "degree fahrenheit", "fahrenheit", "degrees f", "fahrenheit")

// measure reads a unit's name: products of powers of units, "km / h", "miles per hour", "square feet", "cm^2". ok is
// false for words that no unit is among; then nothing is known of them.
func measure(name string) (dimension string, size *big.Rat, ok bool) {
	powers := map[string]int{}
	size = big.NewRat(1, 1)
	sign, next := 1, 1
	if strings.HasPrefix(name, "degree") {
		name = temperature.Replace(name)
	}
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
		factor := u.size
		switch u.dimension {
		case "speed": // miles per hour are a length in a time
			powers["length"] += exponent
			powers["time"] -= exponent
		case "volume": // in litres
			powers["length"] += 3 * exponent
			factor = new(big.Rat).Mul(factor, big.NewRat(1, 1000))
		default:
			powers[u.dimension] += exponent
		}
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

// unitLetters splits a product into numbers and letters that are units.
type unitLetters struct {
	value  *Node
	number bool // there is one
	units  []string
}

// factor takes in one to the power sign, 1 or −1; false where it is neither a number nor a unit.
func (l *unitLetters) factor(n *Node, sign int64) bool {
	switch n.Op {
	case Product:
		return !slices.ContainsFunc(n.Args, func(a *Node) bool { return !l.factor(a, sign) })
	case Quotient:
		return l.factor(n.Args[0], sign) && l.factor(n.Args[1], -sign)
	case Negative:
		l.value = node(Negative, l.value)
		return l.factor(n.Args[0], sign)
	case Power:
		if base, e := n.Args[0], n.Args[1]; base.Op == Symbol && e.Op == Number && e.Value.IsInt() && e.Value.Num().IsInt64() {
			return l.unit(base.Name, sign*e.Value.Num().Int64())
		}
	case Symbol:
		if l.unit(n.Name, sign) {
			return true
		}
	}
	vars := map[string]bool{}
	if n.variables(vars); len(vars) > 0 {
		return false
	}
	l.number = true
	if sign > 0 {
		l.value = node(Product, l.value, n)
	} else {
		l.value = node(Quotient, l.value, n)
	}
	return true
}

func (l *unitLetters) unit(name string, power int64) bool {
	if units[name].size == nil || constant(name) {
		return false
	}
	l.units = append(l.units, name+"^"+strconv.FormatInt(power, 10))
	return true
}
