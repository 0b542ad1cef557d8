"""The questionnaire as pages that work without JavaScript, and an interface for apps."""
