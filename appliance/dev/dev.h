#ifndef APPLIANCE_DEV_DEV_H
#define APPLIANCE_DEV_DEV_H

/*
 * `privyseal dev DIR [options]`: makes a complete throw-away appliance in DIR, or takes up the one
 * that is there, runs it in the foreground until a signal, and stops it.
 *
 * `privyseal dev approve-all [DIR]`: approves what waits in it, as its people.
 *
 * argv[0] is "dev". Prints what a client needs and one line `ready` on standard output, progress
 * and mistakes on standard error. Returns the exit code: 0 done, 1 failed, 2 usage.
 */
int dev_main(int argc, char **argv);

#endif
