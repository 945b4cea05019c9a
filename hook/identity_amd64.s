#include "textflag.h"

// func identity(off uintptr) (gp uintptr, word uint64)
TEXT ·identity(SB),NOSPLIT,$0-24
	MOVQ (TLS), AX
	MOVQ off+0(FP), CX
	ADDQ AX, CX
	MOVQ (CX), DX
	MOVQ AX, gp+8(FP)
	MOVQ DX, word+16(FP)
	RET
