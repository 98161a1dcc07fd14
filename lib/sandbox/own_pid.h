#ifndef SANDBOX_OWN_PID_H
#define SANDBOX_OWN_PID_H

/*
 * getpid(2) of the programs that link this, and of the libraries in them. The random generator of
 * libcrypto asks five times for one signature whether it is in another process by now, each time
 * through the filter of system calls. Where no process can be made the answer is always the same.
 */

/* From now on it is known. For a process that cannot fork. */
void own_pid_settle(void);

#endif
