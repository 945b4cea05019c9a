#ifndef LIFESIGN_FAULTY_H
#define LIFESIGN_FAULTY_H

#include <stdint.h>

void faulty_nothing(void *);
void faulty_null(void *);
void faulty_wild(void *);
void faulty_nowhere(void *);
void faulty_readonly(void *);
void faulty_bus(void *);
void faulty_divide(void *);
void faulty_illegal(void *);
void faulty_abort(void *);
void faulty_overflow(void *);
void faulty_free(void *);
void faulty_smash(void *);
void faulty_raise(void *);
void faulty_blocked(void *);
void faulty_spin(void *);
void faulty_back(void *);
void faulty_back_null(void *);
void faulty_other_thread(void *);
void faulty_fork(void *);
void faulty_locked(void *);
void faulty_thread(void *);
void faulty_crashing_thread(void *);
int  faulty_busy(void);
void faulty_call(void (*)(void *), void *);
void faulty_unmap(void *);
void *faulty_handler(int);

#endif
