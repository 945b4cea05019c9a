#ifndef CRASHES_FAULTS_H
#define CRASHES_FAULTS_H

void fault_null(void *);
void fault_free(void *);
void fault_abort(void *);
void fault_call(void (*)(void *), void *);

#endif
