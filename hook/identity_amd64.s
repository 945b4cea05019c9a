#include "textflag.h"

// func identity() (gp uintptr, id uint64)
TEXT ·identity(SB),NOSPLIT,$0-16
	MOVQ (TLS), AX
	MOVQ ·goidAt(SB), CX
	MOVQ AX, gp+0(FP)
	ADDQ AX, CX
	MOVQ (CX), DX
	MOVQ DX, id+8(FP)
	RET

// func wordOfG(off uintptr) uint64
TEXT ·wordOfG(SB),NOSPLIT,$0-16
	MOVQ (TLS), AX
	ADDQ off+0(FP), AX
	MOVQ (AX), AX
	MOVQ AX, ret+8(FP)
	RET
