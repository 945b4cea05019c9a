#include "textflag.h"

// func identity() (gp uintptr, id uint64)
TEXT ·identity(SB),NOSPLIT,$0-16
	MOVD ·goidAt(SB), R0
	MOVD g, gp+0(FP)
	ADD  g, R0, R0
	MOVD (R0), R1
	MOVD R1, id+8(FP)
	RET

// func wordOfG(off uintptr) uint64
TEXT ·wordOfG(SB),NOSPLIT,$0-16
	MOVD off+0(FP), R0
	ADD  g, R0, R0
	MOVD (R0), R0
	MOVD R0, ret+8(FP)
	RET
