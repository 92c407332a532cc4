
/* Private to src/http: the configuration, const once it is read. */


#ifndef _NGX_LEADGEN_CONF_H_INCLUDED_
#define _NGX_LEADGEN_CONF_H_INCLUDED_


#include "ngx_leadgen_http.h"
#include "ngx_leadgen_auth.h"
#include "ngx_leadgen_event.h"
#include "ngx_leadgen_policy.h"
#include "ngx_leadgen_sentry.h"


#define NGX_LEADGEN_BODY_MAX  65536         /* bytes, of a call of the API */


/* Which decisions are recorded on routes that name no action. */

typedef enum {
    NGX_LEADGEN_AUDIT_ROUTES = 0,           /* none */
    NGX_LEADGEN_AUDIT_REFUSED,
    NGX_LEADGEN_AUDIT_ALL
} ngx_leadgen_audit_e;


typedef struct ngx_leadgen_cors_s  ngx_leadgen_cors_t;


/* Where something was configured first that needs something else. */

typedef struct {
    ngx_str_t                    directive; /* empty: nowhere */
    ngx_str_t                    file;
    ngx_uint_t                   line;
} ngx_leadgen_conf_use_t;


/* A directive as it stands in the configuration, to be shown: no secrets. */

typedef struct {
    ngx_str_t                    directive;
    ngx_str_t                    arguments; /* each behind a space but the
                                             * first */
    ngx_str_t                    file;
    ngx_uint_t                   line;
} ngx_leadgen_setting_t;


/* Services that health looks at; behind these come those of leadgen_probe. */

typedef enum {
    NGX_LEADGEN_SERVICE_DATABASE = 0,
    NGX_LEADGEN_SERVICE_REDIS,
    NGX_LEADGEN_SERVICE_EMAIL,
    NGX_LEADGEN_SERVICE_WORKERS,
    NGX_LEADGEN_SERVICE_PROBES
} ngx_leadgen_service_e;


typedef struct {
    ngx_str_t                    name;
    ngx_str_t                    target;    /* a secret; len 0: not configured,
                                             * for databases and workers */
    uint32_t                     key;       /* of what is asked */
    unsigned                     configured:1;
    unsigned                     required:1;
} ngx_leadgen_service_t;


/* Lifetime: cycle. */

typedef struct {
    unsigned                     enabled:1; /* there is a leadgen_health */
    ngx_msec_t                   interval;
    ngx_msec_t                   timeout;
    ngx_uint_t                   warning;   /* per cent */
    ngx_uint_t                   critical;
    ngx_uint_t                   nservices;
    ngx_leadgen_service_t        services[NGX_LEADGEN_STATUS_SERVICES];
    ngx_str_t                    disk;      /* a path on it, with zero byte */

    ngx_leadgen_backend_conf_t   database;
    ngx_leadgen_backend_conf_t   redis;
    ngx_leadgen_backend_conf_t   heartbeats;    /* of Celery workers */
    ngx_leadgen_backend_conf_t   threads;
} ngx_leadgen_health_conf_t;


/* Lifetime: cycle. */

typedef struct {
    ngx_shm_zone_t              *zone;
    ngx_leadgen_backend_conf_t   database;
    ngx_leadgen_backend_conf_t   audit;     /* the same, for the pump */
    ngx_leadgen_backend_conf_t   revocations;   /* and for their feed */
    ngx_leadgen_backend_conf_t   redis;
    ngx_leadgen_backend_conf_t   hashing;   /* threads for passwords */
    ngx_leadgen_backend_conf_t   files;     /* threads for the spool */
    ngx_leadgen_backend_conf_t   mail;      /* a thread, to a mail server */
    ngx_leadgen_relay_conf_t     relay;
    ngx_str_t                    mail_from;
    ngx_msec_t                   mail_timeout;
    ngx_str_t                    public_url;    /* ends without a slash */
    ngx_leadgen_spool_conf_t     spool;
    ngx_uid_t                    spool_user;    /* the workers' */
    u_char                       audit_key[NGX_LEADGEN_CHAIN_KEY];
    ngx_uint_t                   audit_is_keyed;
    time_t                       audit_retention;   /* seconds; 0: for ever */
    ngx_array_t                 *keys;      /* ngx_leadgen_key_t */
    ngx_array_t                 *roles;     /* ngx_leadgen_role_t */
    ngx_array_t                  rules;     /* ngx_leadgen_rule_t *, of all */
    ngx_array_t                  settings;  /* ngx_leadgen_setting_t */
    ngx_array_t                  places;    /* ngx_leadgen_survey_t, of all */
    ngx_array_t                  credentials;   /* ngx_uint_t, of variables that
                                                 * hold some */
    ngx_uint_t                   guards;    /* leadgen_guard is on somewhere */
    ngx_str_t                    service;
    time_t                       max_stale; /* of revocations; 0: any */
    ngx_uint_t                   allow_stale;   /* and never heard of, too */
    ngx_leadgen_trie_t          *api;
    ngx_leadgen_health_conf_t    health;
    ngx_leadgen_sentry_conf_t    sentry;
    ngx_leadgen_sentry_transport_t  shipping;   /* of what it tells */

    ngx_leadgen_conf_use_t       uses_zone;
    ngx_leadgen_conf_use_t       uses_keys;
    ngx_leadgen_conf_use_t       uses_signing;
    ngx_leadgen_conf_use_t       uses_database;
    ngx_leadgen_conf_use_t       uses_spool;
    ngx_leadgen_conf_use_t       uses_redis;
} ngx_leadgen_main_conf_t;


typedef struct {
    ngx_flag_t                   guarded;   /* a location of it is */
} ngx_leadgen_server_conf_t;


typedef struct {
    ngx_leadgen_trie_t          *policy;
    ngx_leadgen_trie_t          *shadow;    /* of the policy; NULL: none */
    ngx_flag_t                   api;
    ngx_str_t                    tracking_key;  /* a secret */
    ngx_flag_t                   path_strict;
    ngx_uint_t                   audit;     /* ngx_leadgen_audit_e */

    ngx_leadgen_cors_t          *cors;      /* NULL: none */
    ngx_flag_t                   sentry;
    ngx_flag_t                   guard;
    ngx_flag_t                   pass_credentials;
    ngx_str_t                    reason;    /* why it is public; or empty */
    ngx_str_t                    shared;    /* why a cache is; or empty */
    unsigned                     guards:1;  /* a route is not public */
    unsigned                     is_own:1;  /* these are not inherited */
    ngx_str_t                    file;      /* where it begins */
    ngx_uint_t                   line;
} ngx_leadgen_location_conf_t;


/* Lifetime: cycle. */

typedef struct {
    ngx_http_core_loc_conf_t    *core;
    ngx_leadgen_location_conf_t *conf;
    ngx_leadgen_server_conf_t   *server;
} ngx_leadgen_survey_t;


/*
 * Reads a value: "env:NAME" from the environment, "file:PATH" from a file,
 * anything else as it stands.  The result is in pool memory and ends with a
 * zero byte.  NGX_ERROR is logged, without the value.
 */
ngx_int_t ngx_leadgen_conf_value(ngx_conf_t *cf, const ngx_str_t *word,
    ngx_str_t *value);

/* As above, of a key, which does not stand in the configuration itself. */
ngx_int_t ngx_leadgen_keyfile_read(ngx_conf_t *cf, const ngx_str_t *word,
    ngx_str_t *value);

/* As above, of a key that is a secret: 32 bytes or more, and no other key. */
ngx_int_t ngx_leadgen_keyfile_secret(ngx_conf_t *cf, const ngx_str_t *word,
    ngx_str_t *secret);

/* Warns if a word names a file that everybody can read, and holds a secret. */
void ngx_leadgen_keyfile_warn(ngx_conf_t *cf, const ngx_str_t *word);

/* Notes the location whose configuration is being merged.  NGX_OK, ERROR. */
ngx_int_t ngx_leadgen_survey_note(ngx_conf_t *cf,
    ngx_leadgen_location_conf_t *lcf);

/*
 * What is wrong with the cache of a location that passes requests on by that
 * directive (proxy_pass) of a module: a format of %V, the location, and %s, the
 * directive.  NULL: nothing.
 */
const char *ngx_leadgen_caching(ngx_conf_t *cf,
    const ngx_leadgen_survey_t *place, const ngx_module_t *module,
    const char *pass);

/* Notes that a directive, which is being read, needs something. */
void ngx_leadgen_conf_note(ngx_conf_t *cf, const char *directive,
    ngx_leadgen_conf_use_t *use);

/* Without leadgen_audit_key the chain's key follows from the key that signs
 * tokens, if there is one. */
void ngx_leadgen_ledger_derive(ngx_leadgen_main_conf_t *mcf);

/* What the relay goes by: nothing without a database and a Redis. */
void ngx_leadgen_jobs_init(ngx_conf_t *cf, ngx_leadgen_main_conf_t *mcf);

/* What the database's backend says of its channels and connections. */
void ngx_leadgen_worker_notified(void *data, ngx_str_t *channel,
    ngx_str_t *payload);
void ngx_leadgen_worker_connected(void *data);

/* Defaults of what leadgen_sentry says. */
void ngx_leadgen_reporting_create(ngx_leadgen_sentry_conf_t *sentry);

/*
 * The way to Sentry: defaults; an option of leadgen_sentry (NGX_DECLINED: not
 * one of these; NGX_ERROR is logged); and what follows from its DSN and the
 * spool, once all directives are read.
 */
void ngx_leadgen_shipping_create(ngx_leadgen_sentry_transport_t *shipping);
ngx_int_t ngx_leadgen_shipping_option(ngx_conf_t *cf,
    ngx_leadgen_sentry_transport_t *shipping, const ngx_str_t *word);
char *ngx_leadgen_shipping_dsn(ngx_conf_t *cf, ngx_leadgen_main_conf_t *mcf);
char *ngx_leadgen_shipping_init(ngx_conf_t *cf, ngx_leadgen_main_conf_t *mcf);

/* Health's part of the configuration: its defaults, and what follows from the
 * others' directives once all are read. */
void ngx_leadgen_watch_create(ngx_leadgen_health_conf_t *health);
void ngx_leadgen_watch_init(ngx_conf_t *cf, ngx_leadgen_main_conf_t *mcf);

/* The prober's, of a backend that subscribes. */
void ngx_leadgen_prober_heard(void *data, ngx_str_t *channel,
    ngx_str_t *message);

/* The module's own API as a trie of rules; NULL: already logged. */
ngx_leadgen_trie_t *ngx_leadgen_endpoint_trie(ngx_conf_t *cf);


#endif /* _NGX_LEADGEN_CONF_H_INCLUDED_ */
