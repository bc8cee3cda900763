"""How a training can end early, or not begin; without torch, so that the service can name them."""

from app.errors import VersusError


class TrainingFailed(VersusError):
    """Training cannot go on; the message says why."""

    status = 422
    code = "training_failed"


class TrainingStopped(VersusError):
    """Someone asked for an end; the last checkpoint is kept."""

    status = 409
    code = "training_stopped"


class WontFit(VersusError):
    """The machine has less memory or disk than the training needs; the message tells both."""

    status = 422
    type = "invalid_request_error"
    code = "will_not_fit"
