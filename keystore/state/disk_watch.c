#include "keystore/state/disk_watch.h"

#include "keystore/events/events.h"
#include "keystore/state/state.h"

#include <stdio.h>
#include <sys/statvfs.h>

static enum ps_err measure(const struct keeper *keeper, struct statvfs *ret_disk)
{
    PS_BUF_AUTO path = {.max = 8192};

    ps_buf_put(&path, keeper->config->data_directory);
    ps_buf_put_u8(&path, 0);
    PS_TRY(ps_buf_status(&path));
    if (statvfs((const char *)path.data, ret_disk) != 0) {
        return ps_fail_errno(PS_E_STORAGE, "the disk of the logs");
    }
    return PS_OK;
}

static bool has_room(const struct keeper *keeper, const struct statvfs *disk, uint64_t octets)
{
    return (uint64_t)disk->f_bavail * disk->f_frsize >=
           keeper->config->disk_reserve_mb * MIB + octets;
}

enum ps_err disk_watch_check_room(const struct keeper *keeper, uint64_t octets)
{
    struct statvfs disk;

    PS_TRY(measure(keeper, &disk));
    return has_room(keeper, &disk, octets)
               ? PS_OK
               : ps_fail(PS_E_LIMIT, 0, "the disk of the logs has no room for it");
}

bool disk_watch_forecast(const struct keeper *keeper, uint64_t *ret_seconds)
{
    const uint64_t reserve = keeper->config->disk_reserve_mb * MIB;
    uint64_t available;
    uint64_t of_events;
    uint64_t of_use;

    log_space(keeper->events, &available, &of_events);
    log_space(keeper->use, &available, &of_use);
    if (of_events + of_use == 0) {
        return false;
    }
    *ret_seconds = (available > reserve ? available - reserve : 0) / (of_events + of_use) * 60;
    return true;
}

static void alarm_at(struct disk_watch *watch, struct keeper *keeper, unsigned percent)
{
    char text[64];

    if (percent < 80) {
        watch->told = 0;
        return;
    }
    percent = percent < 90 ? 80 : 90;
    if (watch->told < percent) {
        (void)snprintf(text, sizeof text, "the disk of the logs is over %u %% full", percent);
        events_alarm(keeper, percent == 80 ? "disk-80" : "disk-90", ps_bytes(NULL, 0), text);
    }
    watch->told = percent;
}

void disk_watch_look(struct disk_watch *watch, struct keeper *keeper)
{
    struct statvfs disk;

    if (measure(keeper, &disk) != PS_OK) {
        return;
    }
    if (has_room(keeper, &disk, 0)) {
        state_lower(keeper, REASON_DISK_FULL);
    } else {
        state_raise(keeper, REASON_DISK_FULL, "the disk of the logs has no room left");
    }
    if (disk.f_blocks != 0) {
        alarm_at(watch, keeper, (unsigned)(100 - (uint64_t)disk.f_bavail * 100 / disk.f_blocks));
    }
}
