#include "appliance/dev.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "dev") == 0) {
        return dev_main(argc - 1, argv + 1);
    }
    (void)fputs("usage: privyseal dev DIR [options]\n", stderr);
    return 2;
}
