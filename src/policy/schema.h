/*
 * The keys of a policy file, as libcyaml loads them: texts as they were written, enums checked.
 * policy.c gives them their meaning and the defaults.
 */
#pragma once

#include "policy/outline.h"
#include "policy/policy.h"
#include <glib.h>

typedef enum { VERIFY_TOUCHED, VERIFY_ALL } VerifyData;

typedef struct {
    char **entries;
    unsigned count;
} TextList;

/* A text is NULL, a list empty and a choice 0 (its default) where the file does not have the key.
 */
typedef struct {
    char *schedule, *margin;
} WindowKeys;

typedef struct {
    FenceHow how;
    char *drain;
    TextList before, after, standbys;
} FenceKeys;

typedef struct {
    char *connect, *lock, *lock_attempts, *statement, *hook, *standby;
    TextList end_applications;
} TimeoutsKeys;

typedef struct {
    CloneMethod method;
    char *free;
} CloneKeys;

typedef enum { SNAPSHOT_FORMAT_AUTO, SNAPSHOT_FORMAT_TEXT } SnapshotFormatKey;

typedef struct {
    char *jobs, *level, *split;
    SnapshotFormatKey format;
} SnapshotKeys;

typedef struct {
    VerifyData data;
    TextList assertions;
} VerifyKeys;

typedef struct {
    PublishBefore before;
    TextList to;
} PublishKeys;

typedef struct {
    TextList recipients;
} EncryptKeys;

typedef struct {
    char *policy, *migrations, *state, *control_database;
    OnCrash on_crash;
    Strategy strategy;
    WindowKeys window;
    FenceKeys fence;
    TimeoutsKeys timeouts;
    CloneKeys clone;
    SnapshotKeys snapshot;
    VerifyKeys verify;
    PublishKeys publish;
    EncryptKeys encrypt;
    TextList accept;
} PolicyFile;

/* Loads text, whose outline is given. ERROR_CONFIG "source:line:column: ..." for an unknown key
 * (with the nearest known one), a value of the wrong shape, a bad enum value, a missing or empty
 * value. The caller frees it with policy_file_free(). */
PolicyFile *policy_file_load(const char *text, size_t size_bytes, const OutlineNode *outline,
                             const char *source, GError **error);
void policy_file_free(PolicyFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PolicyFile, policy_file_free)
