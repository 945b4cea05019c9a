#include "go_asm.h"
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

// func cell() *page.Cell
//
// The same as cached(identity()), which a test holds it to. A cell has 9 times
// 64 bytes.
TEXT ·cell(SB),NOSPLIT,$0-8
	MOVQ (TLS), AX
	MOVQ AX, BX
	SHRQ $const_cellDrop, BX
	ANDQ ·cellMask(SB), BX
	LEAQ (BX)(BX*8), BX
	SHLQ $6, BX
	ADDQ ·cells(SB), BX
	ADDQ ·goidAt(SB), AX
	MOVQ (AX), AX
	CMPQ AX, const_cellID(BX)
	JNE  none
	MOVQ BX, ret+0(FP)
	RET
none:
	MOVQ $0, ret+0(FP)
	RET
