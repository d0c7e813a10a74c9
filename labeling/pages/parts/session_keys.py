"""Every key of session state that pages share, in one place.

Keys of single widgets are named where the widget is drawn, with the page's name in front.
"""

PROJECT = "relabel_project_id"
ANNOTATOR = "relabel_annotator_id"
SIGNED_OUT = "relabel_signed_out"
SIGN_IN = "relabel_sign_in_id"
TICKET = "relabel_ticket"
PROJECT_PICKER = "relabel_project_picker"
PERSON_PICKER = "relabel_person_picker"
SWITCH_PROBLEM = "relabel_switch_problem"
NOTICE = "relabel_notice"
FOLLOWED_UP = "relabel_followed_up_job"
UPLOAD = "data_upload"
UPLOAD_SAVED = "data_upload_saved"
WATCHED_IMPORT = "data_watched_import"
SELECTED_TWEET = "data_selected_tweet"
