package lease

import (
	"fmt"
	"strconv"
)

// Token is a fencing token: it grows with each holder, so that a store can tell
// who came later. 0 is nobody's.
type Token uint64

// tokenDigits is how many decimal digits the largest token has.
const tokenDigits = 20

// String returns the token with 20 digits, so that texts sort as tokens do.
func (t Token) String() string { return fmt.Sprintf("%0*d", tokenDigits, uint64(t)) }

// ParseToken reads what String has written, or any other decimal number of at
// most 20 digits that fits. 0 is no token.
func ParseToken(s string) (Token, error) {
	if len(s) == 0 || len(s) > tokenDigits {
		return 0, fmt.Errorf("token %.32q has %d digits, want 1 to %d", s, len(s), tokenDigits)
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, fmt.Errorf("token %q is no decimal number", s)
		}
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("token %q is too large", s)
	}
	if n == 0 {
		return 0, fmt.Errorf("token %q is nobody's", s)
	}
	return Token(n), nil
}

// MarshalText writes the token as String does.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a token as ParseToken does.
func (t *Token) UnmarshalText(text []byte) error {
	parsed, err := ParseToken(string(text))
	if err != nil {
		return err
	}
	*t = parsed
	return nil
}
