#ifndef PS_BASE_COMPILER_H
#define PS_BASE_COMPILER_H

/* Attributes that both gcc and clang know, under names that say what they are for. */
#define PS_MUST_USE         __attribute__((warn_unused_result))
#define PS_PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define PS_UNUSED           __attribute__((unused))
#define PS_NORETURN         __attribute__((noreturn))

/* Runs `function(&variable)` when the variable goes out of scope. */
#define PS_CLEANUP(function) __attribute__((cleanup(function)))

#define PS_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Makes f_cleanup for use with PS_CLEANUP from a f_free that accepts NULL. */
#define PS_DEFINE_CLEANUP(type, free_function)                                                     \
    /* NOLINTNEXTLINE(bugprone-macro-parentheses): a type cannot stand in parentheses here. */     \
    static inline PS_UNUSED void free_function##_cleanup(type **object)                            \
    {                                                                                              \
        free_function(*object);                                                                    \
    }

#endif
